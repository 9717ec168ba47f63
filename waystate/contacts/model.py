"""A customer, known by any of several WhatsApp identities."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class IdentityKind(StrEnum):
    WA_ID = "wa_id"
    BSUID = "bsuid"
    PARENT_BSUID = "parent_bsuid"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    kind: IdentityKind
    external_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever wrote, by the identities that one payload gave; the first one is decisive when two of them disagree."""

    identities: tuple[Identity, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    contact_id: UUID
    name: str | None


def person_of(wa_id: str | None, user_id: str | None, name: str | None = None) -> Person:
    """The business-scoped user id leads: it outlives a phone number, and a phone can be missing (wire formats, BSUID)."""
    identities = []
    if user_id:
        identities.append(Identity(IdentityKind.BSUID, user_id))
    if wa_id:
        identities.append(Identity(IdentityKind.WA_ID, wa_id))
    return Person(tuple(identities), name)


def joined(people: Iterable[Person]) -> list[Person]:
    """One person for all that share an identity, in a stable order; the last given name stands."""
    by_identity: dict[Identity, list[Identity]] = {}
    names: dict[int, str] = {}
    for person in people:
        group: list[Identity] = []
        for identity in person.identities:
            known = by_identity.get(identity)
            if known is None:
                group.append(identity)
            elif known is not group:
                known.extend(each for each in group if each not in known)
                names.setdefault(id(known), names.get(id(group), ""))
                group = known
        for identity in group:
            by_identity[identity] = group
        if person.name:
            names[id(group)] = person.name
    groups = {id(group): group for group in by_identity.values()}
    joined_people = [Person(tuple(group), names.get(key) or None) for key, group in groups.items()]
    return sorted(joined_people, key=lambda person: person.identities[0].external_id)
