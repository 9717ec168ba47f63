"""The commands of `waystate tenant`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import say, sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waystate.channels.checks import Checked

app = typer.Typer(help="Tenants and their accounts.", epilog="Example: waystate tenant list", no_args_is_help=True)

TenantName = Annotated[str, typer.Argument(help="The tenant's id")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]
Settings = Annotated[
    list[str] | None, typer.Option("--setting", help="name=value, such as mapping_ttl=PT72H; empty: its default. Repeatable")
]
Quotas = Annotated[
    list[str] | None, typer.Option("--quota", help="name=value, such as messages_per_second=20; empty: no quota. Repeatable")
]


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="JSON; docs/how-to/connect-a-number.md shows one")], as_json: AsJson = False
) -> None:
    """Create or update a tenant with its Meta apps, WhatsApp numbers and Genesys integrations.

    Example: waystate tenant apply acme.json
    """
    from waystate.cli.operate import apply_tenant

    with explained():
        said = apply_tenant(file)
        print(json.dumps({"message": said}) if as_json else said)


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="1 to 63 characters of a-z, 0-9 and '-', for good")],
    name: Annotated[str, typer.Option(help="What people call it; the id unless given")] = "",
    settings: Settings = None,
    quotas: Quotas = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant.

    Example: waystate tenant create acme --name "Acme Inc"
    """
    from waystate.cli import tenant_work as work

    with explained():
        _print(work.create(tenant, name or tenant, _pairs(settings), _pairs(quotas)), as_json)


@app.command("list")
def list_tenants(
    after: Annotated[str | None, typer.Option(help="Behind this id: the last of the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At the most")] = 100,
    as_json: AsJson = False,
) -> None:
    """All tenants, by id.

    Example: waystate tenant list
    """
    from waystate.cli import tenant_work as work

    with explained():
        tenants = work.list_page(after, limit)
    if as_json:
        print(json.dumps({"items": tenants}, ensure_ascii=False))
        return
    for each in tenants:
        say(f"{each['id']}  {each['status']}  {each['name']}")
    if not tenants:
        print("None.")
    if len(tenants) == limit:
        print(f"More: --after {tenants[-1]['id']}")


@app.command()
def show(tenant: TenantName, as_json: AsJson = False) -> None:
    """A tenant with its settings, quotas, numbers and integrations. No secret is shown.

    Example: waystate tenant show acme
    """
    from waystate.cli import tenant_work as work

    with explained():
        _print(work.show(tenant), as_json)


@app.command("set")
def change(
    tenant: TenantName,
    name: Annotated[str | None, typer.Option(help="What people call it")] = None,
    settings: Settings = None,
    quotas: Quotas = None,
    as_json: AsJson = False,
) -> None:
    """Change a tenant's name, settings or quotas; docs/reference/tenant-settings.md lists them.

    Example: waystate tenant set acme --setting mapping_ttl=PT24H
    """
    from waystate.cli import tenant_work as work

    if name is None and not settings and not quotas:
        raise typer.BadParameter("Give --name, --setting or --quota.")
    with explained():
        _print(work.change(tenant, name, _pairs(settings), _pairs(quotas)), as_json)


@app.command()
def suspend(tenant: TenantName, as_json: AsJson = False) -> None:
    """Let nobody in and send nothing; what comes is answered and kept.

    Example: waystate tenant suspend acme
    """
    from waystate.cli import tenant_work as work

    with explained():
        _print(work.suspend(tenant), as_json)


@app.command()
def resume(tenant: TenantName, as_json: AsJson = False) -> None:
    """Let a suspended tenant work again: what waited goes out in order.

    Example: waystate tenant resume acme
    """
    from waystate.cli import tenant_work as work

    with explained():
        _print(work.resume(tenant), as_json)


@app.command()
def delete(
    tenant: TenantName,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking: this cannot be undone")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a suspended tenant with everything of it. Broken off, it goes on when it is run again.

    Example: waystate tenant delete acme
    """
    from waystate.cli import tenant_work as work

    if not yes:
        typer.confirm(f"Delete tenant '{tenant}' with all its conversations and messages, for good?", abort=True)
    with explained():
        rows = work.delete(tenant, _show_progress if sys.stderr.isatty() else lambda *_: None)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if as_json:
        print(json.dumps({"id": tenant, "done": True, "deleted": rows}))
        return
    for table, count in rows.items():
        print(f"{count:>12,}  {table}")
    print(f"Tenant {tenant} is deleted.")


@app.command()
def check(tenant: TenantName, as_json: AsJson = False) -> None:
    """Ask WhatsApp and Genesys whether each account works. Exit code 1 when one does not.

    Example: waystate tenant check acme
    """
    from waystate.cli import tenant_work as work

    with explained():
        checked = work.check(tenant)
    if as_json:
        items = [{"platform": each.platform, "id": each.id, "ok": each.is_ok, "findings": _findings(each)} for each in checked]
        print(json.dumps({"items": items}, ensure_ascii=False))
    else:
        _print_checked(checked)
    if not all(each.is_ok for each in checked):
        raise typer.Exit(1)


@app.command()
def queue(tenant: TenantName, as_json: AsJson = False) -> None:
    """What waits for Genesys, by OAuth client: how much, since when, and when the client's budget lets it through.

    Example: waystate tenant queue acme
    """
    from waystate.cli import tenant_work as work

    with explained():
        queues = work.list_queues(tenant)
    if as_json:
        print(json.dumps({"items": queues}, ensure_ascii=False))
        return
    for each in queues:
        say(f"{each['client_id']}  {each['requests_per_minute']} requests a minute  {', '.join(each['integrations'])}")
        kinds = ", ".join(f"{kind} {each[kind]['waiting']:,}" for kind in ("messages", "receipts", "lookups"))
        say(f"    waiting: {kinds}")
        say(f"    the oldest for {each['oldest_seconds']:g} s; through in {each['done_in_seconds']:g} s, with nothing new")
    if not queues:
        print("It has no Genesys integration.")


@app.command("remove-number")
def remove_number(
    tenant: TenantName, phone_number_id: Annotated[str, typer.Argument(help="Its id at WhatsApp")], as_json: AsJson = False
) -> None:
    """Take a WhatsApp number away from a tenant. What was said over it stays.

    Example: waystate tenant remove-number acme 209876543210987
    """
    from waystate.cli import tenant_work as work

    with explained():
        work.remove_number(tenant, phone_number_id)
    _print_removed(tenant, f"WhatsApp number {phone_number_id}", as_json)


@app.command("remove-integration")
def remove_integration(
    tenant: TenantName, integration_id: Annotated[str, typer.Argument(help="Its id at Genesys")], as_json: AsJson = False
) -> None:
    """Take a Genesys integration away from a tenant. A number must not use it any more.

    Example: waystate tenant remove-integration acme 0b6f6e0c-4a51-4b7e-8d52-6a4f1c2d3e4f
    """
    from waystate.cli import tenant_work as work

    with explained():
        work.remove_integration(tenant, integration_id)
    _print_removed(tenant, f"Genesys integration {integration_id}", as_json)


def _print_removed(tenant: str, what: str, as_json: bool) -> None:
    said = f"{what} is removed from tenant {tenant}."
    print(json.dumps({"message": said}) if as_json else said)


def _findings(checked: "Checked") -> list[dict[str, Any]]:
    return [each._asdict() for each in checked.findings]


def _print_checked(checked: "list[Checked]") -> None:
    for account in checked:
        say(f"{account.platform} {account.id}")
        for each in account.findings:
            say(f"    {each.verdict.replace('_', ' ')}: {each.what}. {each.detail}")
            if each.advice is not None:
                say(f"        {each.advice}")
    if not checked:
        print("It has no accounts yet: `waystate tenant apply FILE` sets them up.")


def _show_progress(table: str, rows: "Mapping[str, int]") -> None:
    print(f"\r{sum(rows.values()):>12,} rows deleted, now {table:<24}", end="", file=sys.stderr, flush=True)


def _pairs(said: list[str] | None) -> dict[str, Any] | None:
    """name=value; an empty value stands for the default."""
    from waystate.errors import BadRequest

    pairs: dict[str, Any] = {}
    for each in said or []:
        name, sign, value = each.partition("=")
        if not sign:
            raise BadRequest("invalid_option", f"'{each}' must read name=value.")
        pairs[name.strip()] = value.strip() or None
    return pairs or None


def _print(document: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(document, ensure_ascii=False) if as_json else "\n".join(sections(document)))
