"""The commands of `waystate audit`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted, say

if TYPE_CHECKING:
    from waystate.audit.verification import Verified
    from waystate.db.pool import Database

app = typer.Typer(
    help="What was done with a privilege, by whom, and whether the record of it is whole.",
    epilog="Example: waystate audit verify",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]


@app.command("list")
def list_entries(
    tenant: Annotated[str, typer.Argument(help="The tenant's id; `platform` is the platform itself")],
    action: Annotated[str | None, typer.Option(help="key.created, or key for all of a noun")] = None,
    actor: Annotated[str | None, typer.Option(help="operator, user, key, …, or with an id: user:ID")] = None,
    subject: Annotated[str | None, typer.Option(help="key:ID, or key for all")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only at this time (UTC) or later")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only before this time (UTC)")] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Older than this position: the last of the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At the most")] = 50,
    as_json: AsJson = False,
) -> None:
    """Entries of a tenant, newest first.

    Example: waystate audit list acme --action key
    """
    from waystate.audit import store
    from waystate.audit.bodies import filter_of, is_actor, render_entry
    from waystate.cli.operate import operate
    from waystate.ids import parse_tenant_id
    from waystate.tenants import store as tenant_store

    if actor is not None and not is_actor(actor):
        raise typer.BadParameter("An actor is user, key, trusted, operator or system, with :ID or without.")
    wanted = filter_of(action=action, actor=actor, subject=subject, since=_in_utc(since), until=_in_utc(until))

    async def run(db: "Database") -> list[dict[str, Any]]:
        async with db.tenant(tenant_id) as conn:
            await tenant_store.get(conn, tenant_id)
            rows = await store.list_page(conn, tenant_id, wanted, before=before, batch=limit)
        return [render_entry(row).model_dump(mode="json") for row in rows]

    with explained():
        tenant_id = parse_tenant_id(tenant)
        entries = operate(run)
    if as_json:
        print(json.dumps(entries, ensure_ascii=False))
        return
    for each in entries:
        who = ":".join(filter(None, (each["actor"]["kind"], each["actor"]["id"])))
        say(f"{each['position']}  {each['at']}  {each['action']}  {each['subject']}  by {who}")
        if each["details"]:
            say(f"    {json.dumps(each['details'], ensure_ascii=False)}")
    print(f"{len(entries)} shown.")
    if len(entries) == limit:
        print(f"Older ones: --before {entries[-1]['position']}")


@app.command()
def verify(
    tenant: Annotated[str | None, typer.Argument(help="One tenant; else all of them, and the platform")] = None,
    head: Annotated[
        str | None, typer.Option(metavar="POSITION:HASH", help="A head noted earlier: shows a cut-off end too; needs TENANT")
    ] = None,
) -> None:
    """Walk the chain from its first entry to its last. The exit code is 1 when one is broken.

    Note the heads that it prints somewhere else: the chain itself cannot show that its newest entries were taken away.

    Example: waystate audit verify
    """
    from waystate.audit.model import parse_head
    from waystate.cli.operate import operate
    from waystate.ids import TenantId, parse_tenant_id

    if head is not None and tenant is None:
        raise typer.BadParameter("--head is of one tenant: name it too.")

    async def run(db: "Database") -> int:
        broken = 0
        for each in await _chosen(db, one):
            broken += _report(each, await _verify(db, each, expected))
        return broken

    with explained():
        one: TenantId | None = None if tenant is None else parse_tenant_id(tenant)
        expected = None if head is None else parse_head(head)
        broken = operate(run)
    if broken:
        raise typer.Exit(1)


async def _chosen(db: "Database", one: Any) -> list[Any]:
    from waystate.tenants import store as tenant_store
    from waystate.tenants.each_tenant import every_tenant

    if one is None:
        return [each async for each in every_tenant(db)]
    async with db.tenant(one) as conn:
        await tenant_store.get(conn, one)
    return [one]


async def _verify(db: "Database", tenant_id: Any, expected: Any) -> "Verified":
    from waystate.audit import store
    from waystate.audit.verification import verify as verify_chain

    async with db.tenant(tenant_id) as conn:
        last = await store.find_head(conn, tenant_id)
    with _progress(tenant_id, last.position) as bar:
        return await verify_chain(db, tenant_id, expected=expected, told=lambda done: bar.update(0, completed=done))


def _report(tenant_id: Any, verified: "Verified") -> bool:
    """Whether it is broken."""
    head, fault = verified
    if fault is None:
        print(f"{tenant_id}: intact, {counted(head.position, 'entry', 'entries')}. Head {head}", flush=True)
    else:
        good = f"The last good entry is {head}" if head.position else "No entry is known to be good."
        print(f"{tenant_id}: BROKEN at entry {fault.position} ({fault.kind}). {fault.message} {good}", flush=True)
    return fault is not None


@contextmanager
def _progress(name: str, total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(f"Verifying {name}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(name, total=total)
        yield bar


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)
