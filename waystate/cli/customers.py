"""The commands of `waystate customers`."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from waystate.customers.files.bodies import ImportAnswer
    from waystate.customers.files.intake import ImportWish
    from waystate.db.pool import Database
    from waystate.ids import TenantId

R = TypeVar("R")

app = typer.Typer(
    help="A tenant's customers, in and out of files.",
    epilog="Example: waystate customers export acme --format csv",
    no_args_is_help=True,
)

Tenant = Annotated[str, typer.Argument(help="The tenant's id")]
_CHUNK = 2**18
"""Bytes."""


@app.command("import")
def import_customers(
    tenant: Tenant,
    file: Annotated[Path, typer.Argument(help="CSV with a header, or a JSON object a line; - is standard input")],
    country: Annotated[str | None, typer.Option(help="Of phones without their country's code, such as BR")] = None,
    on_existing: Annotated[
        Literal["update", "return"], typer.Option(help="Who is there already is changed, or left as they are")
    ] = "update",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and say what would be done")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs")] = False,
) -> None:
    """Add and change customers from a file of any length. The same file again changes nothing more.

    Exit code 1: some rows could not be used; each is told of, and changed nothing.

    Example: waystate customers import acme customers.csv --country BR --dry-run
    """
    from waystate.customers.files.intake import ImportWish
    from waystate.errors import BadRequest

    with explained():
        if country is not None and re.fullmatch("[A-Z]{2}", country) is None:
            raise BadRequest("invalid_country", f"--country {country} is not two capital letters of ISO 3166, such as BR.")
        answer = _take(tenant, file, ImportWish(updates=on_existing == "update", country=country, is_dry=dry_run))
    if as_json:
        print(answer.model_dump_json())
    else:
        _print(answer, is_dry=dry_run)
    if answer.refused:
        raise typer.Exit(1)


@app.command("export")
def export_customers(
    tenant: Tenant,
    file_format: Annotated[
        Literal["csv", "ndjson"], typer.Option("--format", help="For a spreadsheet, or a JSON object a line")
    ] = "csv",
) -> None:
    """Print all customers, as an import takes them. It is written down in the audit log.

    Example: waystate customers export acme --format ndjson
    """
    from waystate.clock import utc_now
    from waystate.customers.files.export import CustomerExports
    from waystate.customers.files.rows import FileFormat
    from waystate.principal import OPERATOR

    async def run(db: "Database", tenant_id: "TenantId") -> None:
        exports = CustomerExports(db, utc_now)
        await exports.note(tenant_id, FileFormat(file_format), OPERATOR)
        async for text in exports.write(tenant_id, FileFormat(file_format)):
            sys.stdout.buffer.write(text.encode())

    with explained():
        _operate(tenant, run)


def _take(tenant: str, file: Path, wanted: "ImportWish") -> "ImportAnswer":
    from waystate.cli.operate import open_vault
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.customers.files.bodies import render_outcome
    from waystate.customers.files.intake import CustomerImports
    from waystate.events.commits import Commits
    from waystate.principal import OPERATOR
    from waystate.services import build_sharing
    from waystate.vault.installation import load_installation_secret
    from waystate.web.metrics import Metrics
    from waystate.work.leases import RELAY

    config = load_config()
    vault = open_vault(config)

    async def run(db: "Database", tenant_id: "TenantId") -> "ImportAnswer":
        sharing = build_sharing(config, db, Metrics(), utc_now, installation=await load_installation_secret(db, vault))
        try:
            commits = Commits(db, sharing.hint(RELAY), sharing.invalidations().changed)
            imports = CustomerImports(commits, utc_now)
            return render_outcome(await imports.take(tenant_id, _chunks(file), wanted, OPERATOR))
        finally:
            await sharing.close()

    return _operate(tenant, run)


async def _chunks(file: Path) -> "AsyncIterator[bytes]":
    """Never the whole file."""
    from waystate.errors import BadRequest

    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise BadRequest("file_unreadable", f"{file} cannot be read: {error.strerror}.") from error


def _print(answer: "ImportAnswer", *, is_dry: bool) -> None:
    done = "Nothing was written; it would be: " if is_dry else ""
    print(
        f"{done}{counted(answer.rows, 'row')}: {answer.added:,} added, {answer.changed:,} changed, "
        f"{answer.unchanged:,} unchanged, {answer.refused:,} refused."
    )
    for each in answer.errors:
        say(f"line {each.line}: {each.code}: {each.detail}")
    if untold := answer.refused - len(answer.errors):
        print(f"… and {untold:,} more.")


def _operate(tenant: str, work: "Callable[[Database, TenantId], Awaitable[R]]") -> R:
    from waystate.cli.operate import operate
    from waystate.ids import parse_tenant_id
    from waystate.tenants import store as tenant_store

    async def run(db: "Database") -> R:
        async with db.tenant(tenant_id) as conn:
            await tenant_store.get(conn, tenant_id)
        return await work(db, tenant_id)

    tenant_id = parse_tenant_id(tenant)
    return operate(run)
