"""The commands of `waystate keys`."""

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from waystate.db.pool import Database
    from waystate.ids import TenantId

R = TypeVar("R")

app = typer.Typer(help="API keys.", epilog="Example: waystate keys list acme", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's id; `platform` is the platform itself")]
Key = Annotated[UUID, typer.Argument(help="An id from `waystate keys list`")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]
_DURATION = re.compile(r"(\d{1,5})\s*(s|m|h|d|w)|0")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """`90d`, `24h`, `30m`, or `0`."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"'{text}' is no length of time. Write 90d, 24h, 30m or 0.")
    return timedelta() if found[1] is None else timedelta(**{_UNITS[found[2]]: int(found[1])})


@app.command()
def create(
    tenant: Tenant,
    name: Annotated[str, typer.Argument(help="Who or what will use it")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            "--scopes",
            help="What it may do, such as state:read; several with commas between, or repeated. Else all of the data plane",
        ),
    ] = None,
    expires_in: Annotated[
        timedelta | None, typer.Option(parser=parse_duration, metavar="DURATION", help="Such as 90d; else it has no end")
    ] = None,
) -> None:
    """Print a new API key of a tenant. It is shown this once.

    Example: waystate keys create acme "crm service" --scopes state:read
    """
    from waystate.clock import utc_now
    from waystate.keys import issue
    from waystate.keys.model import DATA_PLANE

    async def run(db: "Database", tenant_id: "TenantId") -> str:
        now = utc_now()
        scopes = DATA_PLANE if not scope else _scopes(scope)
        ends = None if expires_in is None else now + expires_in
        return (await issue.create_key(db, tenant_id, name, now, scopes=scopes, expires_at=ends))[1]

    print(_operate(tenant, run))


@app.command("list")
def list_keys(tenant: Tenant, as_json: AsJson = False) -> None:
    """Keys, newest first: what each may do, who made it, when it was last used, when it ends.

    Example: waystate keys list acme
    """
    from waystate.clock import utc_now
    from waystate.keys import store
    from waystate.keys.bodies import render_key

    async def run(db: "Database", tenant_id: "TenantId") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = None
        while True:
            async with db.work(tenant_id=tenant_id) as conn:
                page = await store.list_key_page(conn, tenant_id, before=before)
            found += [render_key(each, utc_now()).model_dump(mode="json") for each in page]
            if not page:
                return found
            before = page[-1].key.id

    found = _operate(tenant, run)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        say(f"{each['id']}  {each['status']}  {each['name']}")
        maker = each["createdBy"]
        say(
            f"    may {', '.join(each['scopes']) or 'do nothing'}; made {each['createdAt']} by {maker['name'] or maker['kind']}"
        )
        print(f"    last used {each['lastUsedAt'] or 'never'}; ends {each['revokedAt'] or each['expiresAt'] or 'never'}")
    if not found:
        print("Nothing.")


@app.command()
def rotate(
    tenant: Tenant,
    key: Key,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=parse_duration, metavar="DURATION", help="How long the old key goes on, at most 30d; 0 ends it at once"
        ),
    ] = "24h",  # type: ignore[assignment]
) -> None:
    """Print a key that takes the place of another: the same name, scopes and length of life. It is shown this once.

    Example: waystate keys rotate acme 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a --overlap 7d
    """
    from waystate.clock import utc_now
    from waystate.keys import issue

    async def run(db: "Database", tenant_id: "TenantId") -> str:
        return (await issue.rotate_key(db, tenant_id, key, overlap, utc_now()))[1]

    print(_operate(tenant, run))


@app.command()
def revoke(tenant: Tenant, key: Key) -> None:
    """Every process refuses the key within a second.

    Example: waystate keys revoke acme 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a
    """
    from waystate.clock import iso, utc_now
    from waystate.keys import issue

    async def run(db: "Database", tenant_id: "TenantId") -> str:
        revoked = await issue.revoke_key(db, tenant_id, key, utc_now())
        return f"Key {revoked.id} ({revoked.name}) is revoked since {iso(revoked.revoked_at or utc_now())}."

    print(_operate(tenant, run))


def _scopes(said: list[str]) -> list[Any]:
    from waystate.errors import BadRequest
    from waystate.principal import NEVER_OF_A_KEY, Scope

    known = {each.value for each in Scope} - NEVER_OF_A_KEY
    names = list(dict.fromkeys(name for each in said for name in re.split(r"[\s,]+", each.strip(" ,"))))
    if unknown := [each for each in names if each not in known]:
        raise BadRequest("invalid_scopes", f"There is no scope '{unknown[0]}' for keys. Name of: {', '.join(sorted(known))}.")
    return [Scope(each) for each in names]


def _operate(tenant: str, work: "Callable[[Database, TenantId], Awaitable[R]]") -> R:
    from waystate.cli.operate import operate
    from waystate.ids import parse_tenant_id
    from waystate.tenants import store as tenant_store

    async def run(db: "Database") -> R:
        async with db.tenant(tenant_id) as conn:
            await tenant_store.get(conn, tenant_id)
        return await work(db, tenant_id)

    with explained():
        tenant_id = parse_tenant_id(tenant)
        return operate(run)
