"""The command `waystate seed`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted

if TYPE_CHECKING:
    from waystate.ids import TenantId
    from waystate.seeding.stories import Plan
    from waystate.seeding.writing import Seeded

app = typer.Typer()

_LINES = 5
"""Of progress, where there is no terminal."""


@app.command(rich_help_panel="Tenants, people, access")
def seed(
    tenant: Annotated[str, typer.Argument(help="The tenant's id")],
    contacts: Annotated[int, typer.Option(min=1, max=10_000, help="Customers")] = 100,
    messages_per_contact: Annotated[int, typer.Option(min=1, max=1_000, help="Messages of each, on average")] = 20,
    days: Annotated[int, typer.Option(min=1, max=365, help="How far back the messages go")] = 30,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="Another number makes other people")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Also where there are real messages")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take away what this seed made, and nothing else")] = False,
) -> None:
    """Fill a tenant with customers, conversations and messages to try things on. None of it is sent to anybody.

    Phone numbers are of the ranges kept for films, addresses are at example.com. Run again, it adds nothing twice.

    Example: waystate seed acme --contacts 200
    """
    from waystate.ids import parse_tenant_id
    from waystate.seeding.stories import Plan

    with explained():
        tenant_id = parse_tenant_id(tenant)
        if remove:
            _remove(tenant_id, seed)
        else:
            _seed(tenant_id, Plan(seed, contacts, messages_per_contact, days), force=force)


def _seed(tenant: "TenantId", plan: "Plan", *, force: bool) -> None:
    from waystate.cli.operate import open_vault, operate
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.db.pool import Database
    from waystate.seeding import writing
    from waystate.seeding.writing import lines_of
    from waystate.tenants.routing import Directory

    config = load_config()
    vault = open_vault(config)
    started = perf_counter()
    with _progress() as told:

        async def run(db: Database) -> "Seeded":
            view = await Directory(db, vault).find_tenant(tenant)
            lines = [] if view is None else lines_of(view)
            return await writing.seed(db, tenant, plan, lines, utc_now(), force=force, told=told)

        seeded = operate(run)
    for line in report_lines(tenant, plan, seeded, perf_counter() - started, config.port):
        print(line)


def _remove(tenant: "TenantId", seed: int) -> None:
    from waystate.cli.operate import operate
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.db.pool import Database
    from waystate.seeding import writing
    from waystate.seeding.writing import forget

    config = load_config()

    async def run(db: Database) -> tuple["Seeded", bool]:
        removed = await writing.remove(db, tenant, seed, utc_now())
        return removed, config.redis_url is None or await forget(config.redis_url, tenant)

    removed, is_forgotten = operate(run)
    print(f"Removed from {tenant}: {_counts(removed)}.")
    if removed.kept:
        print(f"Contacts that stay, for they have had messages or conversations of their own since: {removed.kept}.")
    if not is_forgotten:
        print("Redis does not answer, so look-ups may know those who were removed for up to an hour.", file=sys.stderr)


def report_lines(tenant: str, plan: "Plan", seeded: "Seeded", seconds: float, port: int) -> Iterator[str]:
    """What was made, and what to try on it."""
    from waystate.seeding.customers import customer

    if seeded.contacts == 0:
        yield f"Nothing new: all customers of seed {plan.seed} are in {tenant} already."
    else:
        yield f"Added to {tenant}: {_counts(seeded)}, {seeded.messages / seconds:,.0f} messages a second."
    known = customer(plan.seed, 0)
    yield "Try next:"
    yield f"  waystate keys create {tenant} trying        # an API key, for the KEY below"
    yield f"  curl -s http://127.0.0.1:{port}/state/mapping/+{known.wa_id} -H 'Authorization: Bearer KEY'   # {known.name}"
    if seeded.example:
        yield f"  waystate trace {tenant} {seeded.example}   # what became of a message"
    yield f"  waystate seed {tenant} --seed {plan.seed} --remove   # take it all away again"


def _counts(seeded: "Seeded") -> str:
    people = [counted(seeded.people, "person", "people")] if seeded.people else []
    if seeded.queues:
        people.append(counted(seeded.queues, "queue"))
    others = {"contact": seeded.contacts, "conversation": seeded.conversations, "message": seeded.messages}
    return ", ".join([*people, *(counted(count, one) for one, count in others.items())])


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a few plain lines elsewhere; on standard error, so that the report can be piped."""
    if not sys.stderr.isatty():
        yield _plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Customers"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Customers")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _plain() -> Callable[[int, int], None]:
    said = 0

    def tell(done: int, total: int) -> None:
        nonlocal said
        if done * _LINES // total > said:
            said = done * _LINES // total
            print(f"{done:,} of {counted(total, 'customer')}", file=sys.stderr)

    return tell
