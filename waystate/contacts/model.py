"""A customer, known by any of several WhatsApp identities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from waystate.ids import new_id


class IdentityKind(StrEnum):
    WA_ID = "wa_id"
    BSUID = "bsuid"
    PARENT_BSUID = "parent_bsuid"

    # An enumeration's own is Python code, and every message looks its sender up by it several times.
    __hash__ = str.__hash__


_WA_ID, _BSUID = IdentityKind.WA_ID, IdentityKind.BSUID


class Identity(NamedTuple):
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
    if not user_id:
        return Person((Identity(_WA_ID, wa_id),) if wa_id else (), name)
    phone = (Identity(_WA_ID, wa_id),) if wa_id else ()
    return Person((Identity(_BSUID, user_id), *phone), name)


@dataclass(slots=True)
class _Group:
    """Identities of one person; `named` is the last name given, with its place in the input."""

    identities: list[Identity]
    named: tuple[int, str]


def joined(people: Iterable[Person]) -> list[Person]:
    """One person for all that share an identity, in a stable order; the last given name stands."""
    groups: dict[Identity, _Group] = {}
    for place, person in enumerate(people):
        group = _Group(list(person.identities), (place, person.name) if person.name else (-1, ""))
        if len(group.identities) == 1 and group.identities[0] not in groups:
            groups[group.identities[0]] = group
            continue
        known = {id(each): each for identity in person.identities if (each := groups.get(identity)) is not None}
        for other in reversed(known.values()):
            group.identities = list(dict.fromkeys([*other.identities, *group.identities]))
            group.named = max(group.named, other.named)
        groups |= dict.fromkeys(group.identities, group)
    distinct = {id(group): group for group in groups.values()}
    people_now = [Person(tuple(group.identities), group.named[1] or None) for group in distinct.values()]
    return sorted(people_now, key=lambda person: person.identities[0].external_id)


def proposed(people: Iterable[Person], known: Mapping[Identity, UUID]) -> tuple[dict[Identity, UUID], dict[UUID, Person]]:
    """The contact each unknown identity shall belong to, and the people for whom that is a new one."""
    wanted: dict[Identity, UUID] = {}
    new: dict[UUID, Person] = {}
    for person in people:
        contact = next((known[identity] for identity in person.identities if identity in known), None)
        if contact is None:
            contact = new_id()
            new[contact] = person
        wanted |= {identity: contact for identity in person.identities if identity not in known}
    return wanted, new


def superseded(new: Mapping[UUID, Person], claimed: Mapping[Identity, UUID]) -> dict[UUID, UUID]:
    """New contacts that are given up, and for whom: another batch had made the person under one of the identities."""
    losers: dict[UUID, UUID] = {}
    for contact, person in new.items():
        others = [claimed[identity] for identity in person.identities if claimed[identity] != contact]
        if others:
            losers[contact] = others[0]
    return losers
