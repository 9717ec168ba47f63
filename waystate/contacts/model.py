"""A customer, known by any of several WhatsApp identities; or a WhatsApp group, known by its id alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import phonenumbers

from waystate.documents import JsonObject


class IdentityKind(StrEnum):
    WA_ID = "wa_id"
    BSUID = "bsuid"
    PARENT_BSUID = "parent_bsuid"
    GROUP = "group"

    # An enumeration's own is Python code, and every message looks its sender up by it several times.
    __hash__ = str.__hash__


_WA_ID, _BSUID = IdentityKind.WA_ID, IdentityKind.BSUID
PHONE = re.compile(r"\+?[0-9]{5,20}")
"""The shape of a phone as WhatsApp's ids and people write it; no number has more than 15 digits, but some ids have."""
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
"""The shape of a business-scoped user id: a country, for a parent business `ENT`, and letters and digits."""


class Identity(NamedTuple):
    kind: IdentityKind
    external_id: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Whoever wrote, by the identities that one payload gave; the first one is decisive when two of them disagree.

    `at`: when they wrote, as the platform says. None: now. `attested`: those that the platform itself says are theirs.
    """

    identities: tuple[Identity, ...]
    name: str | None = None
    at: datetime | None = None
    attested: frozenset[Identity] = frozenset()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message to a contact goes: a phone, exactly as the platform gave it, or else a business-scoped user id.

    A group has its own id and neither of these.
    """

    wa_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact's name and whatever leads to it now; the newest identity comes last."""

    name: str | None
    wa_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    group_id: str | None = None

    @property
    def identities(self) -> tuple[Identity, ...]:
        users = (Identity(_BSUID, each) for each in self.user_ids)
        return (*users, *(Identity(_WA_ID, each) for each in self.wa_ids))

    def find_address(self, wa_id: str | None, user_id: str | None) -> Address | None:
        """Returns the address for somebody who last wrote from these ids; None when nothing leads to the contact any more.

        A phone that is not the contact's any more is somebody else's by now, or nobody's. Then the user id is surely the
        person's; another phone is the last resort.
        """
        if self.group_id is not None:
            return Address(group_id=self.group_id)
        if wa_id is not None and wa_id in self.wa_ids:
            return Address(wa_id=wa_id)
        if user_id is not None and user_id in self.user_ids:
            return Address(user_id=user_id)
        if self.user_ids:
            return Address(user_id=self.user_ids[-1])
        return Address(wa_id=self.wa_ids[-1]) if self.wa_ids else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """`identities` has one at the least; the first is the one that must be new."""

    id: UUID
    identities: tuple[Identity, ...]
    created_at: datetime
    name: str | None = None
    email: str | None = None
    tags: tuple[str, ...] = ()
    preferences: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhoneChange:
    """What becomes of the number that a contact shows (E.164): it is `gained`, or if it is one of `lost`, `rest`; `learned` if
    there was none."""

    gained: str | None = None
    learned: str | None = None
    lost: tuple[str, ...] = ()
    rest: str | None = None


SAME_PHONE = PhoneChange()


def person_of(
    wa_id: str | None,
    user_id: str | None,
    name: str | None = None,
    at: datetime | None = None,
    other_wa_ids: Iterable[str] = (),
) -> Writer:
    """The business-scoped user id leads: it outlives a phone number, and a phone can be missing (wire formats, BSUID).

    A phone is the same with and without the plus sign.
    """
    users = (Identity(_BSUID, user_id),) if user_id else ()
    phones = (Identity(_WA_ID, wa_id.removeprefix("+")),) if wa_id else ()
    if other_wa_ids:
        phones = tuple(dict.fromkeys((*phones, *(Identity(_WA_ID, each.removeprefix("+")) for each in other_wa_ids))))
    return Writer((*users, *phones), name, at)


def group_of(group_id: str) -> Writer:
    """The group as a contact: it has this identity alone, so no phone ever leads to it and it is merged with nobody."""
    return Writer((Identity(IdentityKind.GROUP, group_id),))


def given_names(
    people: Sequence[Writer],
    contacts: Sequence[UUID],
    names: Mapping[UUID, str | None],
    heard: Mapping[UUID, datetime] | None = None,
) -> dict[UUID, str]:
    """Returns the newest name that each contact gave, if it is not what `names` says; contacts not named there are left out.

    `heard`: when a contact last wrote before; a name that comes later than a newer message is an old one.
    """
    newest: dict[UUID, Writer] = {}
    for person, contact in zip(people, contacts, strict=True):
        before = newest.get(contact)
        if person.name and (before is None or before.at is None or person.at is None or person.at >= before.at):
            newest[contact] = person
    return {
        contact: person.name
        for contact, person in newest.items()
        if person.name and names.get(contact, person.name) != person.name
        if person.at is None or heard is None or contact not in heard or person.at >= heard[contact]
    }


def e164(wa_id: str | None) -> str | None:
    """Returns the international form of a phone as WhatsApp gives it; None of what is no phone number."""
    if wa_id is None:
        return None
    try:
        number = phonenumbers.parse("+" + wa_id.lstrip("+"))
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
