"""The people who answer: of every role, some of them invited and not yet here, one who has left. Pure."""

import hashlib
from dataclasses import dataclass

from waystate.ids import TenantId
from waystate.principal import Role
from waystate.seeding.customers import local_part

_LABEL = 30
"""Characters of the tenant in an address: what stands before the '@' has 64 at the most."""

_PEOPLE = (
    ("Olivia Owens", Role.OWNER, "active"),
    ("Adeyemi Balogun", Role.ADMIN, "active"),
    ("Sørine Møller", Role.SUPERVISOR, "active"),
    ("Ana Núñez", Role.AGENT, "active"),
    ("Bastian Groß", Role.AGENT, "active"),
    ("ليلى الحداد", Role.AGENT, "active"),
    ("Chiara Rossi", Role.AGENT, "invited"),
    ("Dũng Nguyễn", Role.AGENT, "disabled"),
    ("Vera Novák", Role.VIEWER, "active"),
    ("Viktor Lindqvist", Role.VIEWER, "invited"),
)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """`status` as in `users.status`. Nobody of them has a password: an operator invites or resets to log in as one."""

    name: str
    email: str
    role: Role
    status: str


def staff_of(tenant: TenantId, seed: int) -> tuple[StaffMember, ...]:
    """An address belongs to one person in all tenants, so it names the tenant and the seed."""
    label = tenant if len(tenant) <= _LABEL else f"{tenant[:21]}-{hashlib.sha256(tenant.encode()).hexdigest()[:8]}"
    return tuple(
        StaffMember(name, f"{local_part(name, number)}+{label}-{seed}@example.com", role, status)
        for number, (name, role, status) in enumerate(_PEOPLE, start=1)
    )


def agents_of() -> tuple[str, ...]:
    """First names, as they sign."""
    return tuple(name.split()[0] for name, role, _ in _PEOPLE if role is Role.AGENT)
