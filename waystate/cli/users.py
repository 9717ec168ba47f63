"""The commands of `waystate user`."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import say
from waystate.errors import BadRequest, NotFound, Refused, WaystateError
from waystate.principal import Role

if TYPE_CHECKING:
    from waystate.ids import TenantId
    from waystate.people.logins import Logins
    from waystate.people.members import Members
    from waystate.people.model import Change

R = TypeVar("R")

app = typer.Typer(
    help="People of a tenant, or of the platform itself (tenant 'platform').",
    epilog="Example: waystate user list acme",
    no_args_is_help=True,
)

Tenant = Annotated[str, typer.Argument(help="The tenant's id; 'platform' for the platform's own people")]
Email = Annotated[str, typer.Argument(help="Whose account")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]


@app.command()
def add(
    tenant: Tenant,
    email: Email,
    role: Annotated[Role, typer.Option(help="What the person may do")],
    name: Annotated[str | None, typer.Option(help="What the person is called")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password and open the account now")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Invite somebody. Prints the token to hand over, this once: Waystate sends no mail.

    Example: waystate user add acme ada@example.com --role admin
    """
    from waystate.people.logins import Origin
    from waystate.people.model import BY_OPERATOR

    with explained():
        password = _read_password() if password_stdin else None

        async def run(members: "Members", logins: "Logins", tenant_id: "TenantId") -> dict[str, Any]:
            invited = await members.invite(tenant_id, BY_OPERATOR, email, role, name)
            if password is None:
                return _user(invited.member) | {"token": invited.token, "expiresAt": invited.expires_at}
            try:
                await logins.accept(invited.token, password, Origin("operator"), name=name)
            except Refused as refused:
                if refused.code == "login_failed":
                    raise _has_account(email) from None
                raise
            return _user(await members.get(tenant_id, invited.member.id))

        made = _run(tenant, run)
    if as_json:
        _print(made)
    elif password is not None:
        print(f"{made['email']} can log in as {made['role']} of tenant {tenant}.")
    else:
        print(f"{made['email']} is invited as {made['role']} of tenant {tenant}. Hand over this token; it is shown this once:")
        print(made["token"])
        print(f"It holds until {made['expiresAt']:%Y-%m-%d %H:%M} UTC: POST /v1/auth/invitation with token and password.")


@app.command("list")
def list_users(tenant: Tenant, as_json: AsJson = False) -> None:
    """The tenant's people, and who is invited.

    Example: waystate user list acme
    """

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: UUID | None = None
        while page := await members.page(tenant_id, after=after, limit=500):
            found += [_user(each) for each in page]
            after = page[-1].id
        return found

    with explained():
        users = _run(tenant, run)
    if as_json:
        _print({"items": users})
        return
    for each in users:
        say(f"{each['id']}  {each['role']:10}  {each['status']:8}  {each['email']}  {each['name']}")
    print(f"{len(users)} in tenant {tenant}.")


@app.command()
def show(tenant: Tenant, email: Email) -> None:
    """One person as JSON.

    Example: waystate user show acme ada@example.com
    """

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> dict[str, Any]:
        return _user(await members.get(tenant_id, email=email))

    with explained():
        _print(_run(tenant, run))


@app.command()
def role(
    tenant: Tenant,
    email: Email,
    role: Annotated[Role, typer.Argument(help="What the person may do from now on")],
    as_json: AsJson = False,
) -> None:
    """Give another role. It counts within a second.

    Example: waystate user role acme ada@example.com owner
    """
    from waystate.people.model import Change

    _change(tenant, email, Change(role=role), as_json, f"{email} is {role} of tenant {tenant}.")


@app.command()
def disable(tenant: Tenant, email: Email, as_json: AsJson = False) -> None:
    """No login any more, in no tenant; every session ends.

    Example: waystate user disable acme ada@example.com
    """
    from waystate.people.model import Change

    _change(tenant, email, Change(status="disabled"), as_json, f"{email} is disabled and logged out everywhere.")


@app.command()
def enable(tenant: Tenant, email: Email, as_json: AsJson = False) -> None:
    """Let somebody who was disabled log in again.

    Example: waystate user enable acme ada@example.com
    """
    from waystate.people.model import Change

    _change(tenant, email, Change(status="active"), as_json, f"{email} may log in again.")


@app.command()
def remove(tenant: Tenant, email: Email) -> None:
    """From this tenant; the account is deleted when no other tenant has it.

    Example: waystate user remove acme ada@example.com
    """
    from waystate.people.model import BY_OPERATOR

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> None:
        await members.remove(tenant_id, BY_OPERATOR, (await members.get(tenant_id, email=email)).id)

    with explained():
        _run(tenant, run)
    print(f"{email} is no member of tenant {tenant} any more.")


@app.command()
def reset(
    tenant: Tenant,
    email: Email,
    remove_totp: Annotated[bool, typer.Option("--remove-totp", help="Also switch one-time codes off")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a token with which the person sets a new password within an hour. It is shown this once.

    Example: waystate user reset acme ada@example.com
    """
    from waystate.people.model import BY_OPERATOR

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> dict[str, Any]:
        member = await members.get(tenant_id, email=email)
        return (await members.reset(tenant_id, BY_OPERATOR, member.id, remove_totp=remove_totp))._asdict()

    with explained():
        made = _run(tenant, run)
    if as_json:
        _print({"token": made["token"], "expiresAt": made["expires_at"]})
        return
    print(made["token"])
    print(f"It holds until {made['expires_at']:%H:%M} UTC: POST /v1/auth/reset with token and password.", file=sys.stderr)


@app.command()
def sessions(tenant: Tenant, email: Email, as_json: AsJson = False) -> None:
    """Where somebody is logged in, in this tenant.

    Example: waystate user sessions acme ada@example.com
    """
    from waystate.people.bodies import render_session

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> list[dict[str, Any]]:
        found = await members.sessions(tenant_id, (await members.get(tenant_id, email=email)).id)
        return [render_session(each).model_dump(exclude={"current"}) for each in found]

    with explained():
        found = _run(tenant, run)
    if as_json:
        _print({"items": found})
        return
    for each in found:
        print(f"{each['id']}  since {each['createdAt']:%Y-%m-%d %H:%M}, seen {each['lastSeenAt']:%Y-%m-%d %H:%M} UTC")
        say(f"    {each['address']}  {each['userAgent']}")
    print(f"{len(found)} open.")


@app.command()
def revoke(
    tenant: Tenant,
    email: Email,
    session: Annotated[UUID | None, typer.Option(help="Only this one, from `waystate user sessions`")] = None,
) -> None:
    """Log somebody out of this tenant, within a second.

    Example: waystate user revoke acme ada@example.com
    """
    from waystate.people.model import BY_OPERATOR

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> int:
        user_id = (await members.get(tenant_id, email=email)).id
        return len(await members.revoke_sessions(tenant_id, BY_OPERATOR, user_id, session_id=session))

    with explained():
        count = _run(tenant, run)
        if session is not None and not count:
            raise NotFound("session_not_found", f"{email} has no open session {session}. List them to find the right one.")
    print(f"{count} ended.")


def _change(tenant: str, email: str, change: "Change", as_json: bool, said: str) -> None:
    from waystate.people.model import BY_OPERATOR

    async def run(members: "Members", _: "Logins", tenant_id: "TenantId") -> dict[str, Any]:
        member = await members.get(tenant_id, email=email)
        return _user(await members.change(tenant_id, BY_OPERATOR, member.id, change))

    with explained():
        changed = _run(tenant, run)
    if as_json:
        _print(changed)
    else:
        print(said)


def _run(tenant: str, work: "Callable[[Members, Logins, TenantId], Awaitable[R]]") -> R:
    from waystate.cache.limits import Limits
    from waystate.cli.operate import open_vault, operate
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.db.pool import Database
    from waystate.ids import parse_tenant_id
    from waystate.people.login_limits import LoginLimits
    from waystate.people.logins import Logins
    from waystate.people.members import Members
    from waystate.people.passwords import Passwords
    from waystate.vault.installation import load_installation_secret
    from waystate.vault.sealing import derive_key

    tenant_id = parse_tenant_id(tenant)
    vault = open_vault(load_config())

    async def run(db: Database) -> R:
        limits = LoginLimits(Limits(), derive_key(await load_installation_secret(db, vault), "login limits"))
        return await work(Members(db, utc_now), Logins(db, vault, Passwords(), limits, utc_now), tenant_id)

    return operate(run)


def _user(member: Any) -> dict[str, Any]:
    from waystate.people.bodies import render_user

    return render_user(member).model_dump()


def _read_password() -> str:
    try:
        password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadRequest("password_unreadable", "The password on standard input is no UTF-8. Send it as UTF-8.") from None
    if not password:
        raise BadRequest("password_missing", "There is no password on standard input. Pipe one line into the command.")
    return password


def _has_account(email: str) -> WaystateError:
    return WaystateError(
        f"{email} has an account already, with another password. Leave --password-stdin out and hand the invitation over, "
        "or give the password it has."
    )


def _print(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, default=str))
