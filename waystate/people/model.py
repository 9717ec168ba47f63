"""People, what they are in a tenant, and who may change whom. Pure."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.documents import is_name
from waystate.errors import BadRequest, Conflict, Forbidden, NotFound, Unprocessable
from waystate.ids import PLATFORM, TenantId
from waystate.principal import OPERATOR, Actor, Principal, Role, actor_of

Status = Literal["invited", "active", "disabled"]
Power = Role | Literal["operator"] | None
"""What a caller is towards people: a member's role, whoever holds the machine, or nothing (a key)."""

INVITATION_TTL = timedelta(days=7)
RESET_TTL = timedelta(hours=1)

# ASCII alone: two addresses that look the same are the same, and every database agrees on what is lower case.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person as one tenant sees it: of who has not accepted yet it knows only what it wrote itself."""

    tenant_id: TenantId
    id: UUID
    email: str
    name: str
    role: Role
    status: Status
    has_totp: bool
    created_at: datetime
    invitation_expires_at: datetime | None = None


class Membership(NamedTuple):
    tenant_id: TenantId
    role: Role
    is_pending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person as it logs in."""

    id: UUID
    email: str
    name: str
    status: Status
    password_hash: str | None = field(repr=False)
    totp_secret: bytes | None = field(repr=False)
    totp_confirmed_at: datetime | None
    totp_step: int
    memberships: Sequence[Membership] = ()

    @property
    def accepted(self) -> list[Membership]:
        return [each for each in self.memberships if not each.is_pending]


class Acting(NamedTuple):
    """Who changes people, and with what power."""

    actor: Actor
    power: Power


BY_OPERATOR = Acting(OPERATOR, "operator")


class Change(NamedTuple):
    """What shall become of a member; None leaves it."""

    role: Role | None = None
    status: Literal["active", "disabled"] | None = None
    name: str | None = None
    removed: bool = False


def acting_of(principal: Principal) -> Acting:
    return Acting(actor_of(principal), principal.role)


def parse_email(text: str) -> str:
    """In the one form that it is stored and found by."""
    email = text.strip().lower()
    if len(email) > _LONGEST_EMAIL or _EMAIL.fullmatch(email) is None:
        raise unusable("email", "an e-mail address such as ada@example.com, in ASCII, of 254 characters at the most")
    return email


def parse_name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= 200 or not is_name(name) or any(unicodedata.category(each) == "Co" for each in name):
        raise unusable("name", "1 to 200 characters without control characters")
    return name


def new_token(kind: Literal["wsi", "wsr"]) -> tuple[str, bytes]:
    """Of an invitation or a reset: in clear, which exists only here, and the hash to keep."""
    token = f"{kind}.{secrets.token_urlsafe(32)}"
    return token, token_hash(token)


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def top_role(tenant_id: TenantId) -> Role:
    """The role that only its own holders give and take."""
    return Role.PLATFORM if tenant_id == PLATFORM else Role.OWNER


def check_invitation(tenant_id: TenantId, power: Power, role: Role, known: Member | None) -> None:
    """`known` is the person's membership so far."""
    _check_role(tenant_id, role)
    _check_power(tenant_id, power, role)
    if known is not None:
        _check_power(tenant_id, power, known.role)
        if known.status != "invited":
            raise Conflict("already_member", "This person is a member already. Change the role, or reset the password.")


def check_change(power: Power, member: Member, change: Change, *, other_owners: int, is_shared: bool) -> None:
    """`other_owners` can log in and hold the tenant's highest role; `is_shared`: the account is another tenant's as well."""
    tenant_id, top = member.tenant_id, top_role(member.tenant_id)
    if change.role is not None:
        _check_role(tenant_id, change.role)
        _check_power(tenant_id, power, change.role)
    _check_power(tenant_id, power, member.role)
    _check_account(power, member, is_shared=is_shared and (change.status, change.name) != (None, None))
    if member.status == "invited" and (change.status, change.name) != (None, None):
        raise _not_accepted()
    goes = change.removed or change.status == "disabled" or change.role not in (None, top)
    if goes and member.role == top and member.status == "active" and other_owners == 0:
        raise last_owner(tenant_id)


def check_reset(power: Power, member: Member, *, is_shared: bool) -> None:
    _check_power(member.tenant_id, power, member.role)
    _check_account(power, member, is_shared=is_shared)
    if member.status == "invited":
        raise _not_accepted()
    if member.status == "disabled":
        raise Conflict("user_disabled", "This person is disabled. Enable them first.")


def last_owner(tenant_id: TenantId) -> Conflict:
    top = top_role(tenant_id)
    return Conflict(
        "last_owner", f"Nobody else of tenant '{tenant_id}' has the role {top} and can log in. Give it to somebody else first."
    )


def unknown_user() -> NotFound:
    return NotFound("user_not_found", "This tenant has no such person. List the users to find the right one.")


def _check_role(tenant_id: TenantId, role: Role) -> None:
    if (role is Role.PLATFORM) != (tenant_id == PLATFORM):
        roles = Role.PLATFORM if tenant_id == PLATFORM else ", ".join(each for each in Role if each is not Role.PLATFORM)
        raise unusable("role", f"one that this tenant has: {roles}")


def _check_power(tenant_id: TenantId, power: Power, role: Role) -> None:
    """A key may change people, but no owner: else an admin could make a key and with it an owner."""
    if role == top_role(tenant_id) and power not in (role, "operator"):
        raise Forbidden("owners_only", f"Only who has the role {role} may give it, take it, or change who has it.")


def _check_account(power: Power, member: Member, *, is_shared: bool) -> None:
    """Else one tenant could lock a person out of another, or come into it with a password of its own making."""
    if is_shared and member.status != "invited" and power != "operator":
        raise Conflict(
            "account_shared",
            "This person's account is not your tenant's alone. Remove them from your tenant, or ask the platform's operator.",
        )


def _not_accepted() -> Conflict:
    return Conflict("not_accepted", "This person has not accepted the invitation yet. Invite them again, or remove them.")


def unusable(name: str, must_be: str) -> Unprocessable:
    """The refusal of a field's value, which it never repeats."""
    problem = {"field": name, "problem": f"Must be {must_be}."}
    return Unprocessable("invalid_request", f"Not usable: {name} must be {must_be}.", errors=[problem])


def unusable_token(what: Literal["invitation", "reset"]) -> BadRequest:
    return BadRequest(
        f"{what}_unusable", f"This {what} token is not known, was used, has expired or was replaced. Ask for a new one."
    )
