"""A customer, known by any of several WhatsApp identities."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import phonenumbers


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
class Writer:
    """Whoever wrote, by the identities that one payload gave; the first one is decisive when two of them disagree.

    `at`: when they wrote, as the platform says. None: now.
    """

    identities: tuple[Identity, ...]
    name: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message to a contact goes: a phone, exactly as the platform gave it, or else a business-scoped user id."""

    wa_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact's name and whatever leads to it now; the newest identity comes last."""

    name: str | None
    wa_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()

    def find_address(self, wa_id: str | None, user_id: str | None) -> Address | None:
        """Returns the address for somebody who last wrote from these ids; None when nothing leads to the contact any more.

        A phone that is not the contact's any more is somebody else's by now, or nobody's. Then the user id is surely the
        person's; another phone is the last resort.
        """
        if wa_id is not None and wa_id in self.wa_ids:
            return Address(wa_id=wa_id)
        if user_id is not None and user_id in self.user_ids:
            return Address(user_id=user_id)
        if self.user_ids:
            return Address(user_id=self.user_ids[-1])
        return Address(wa_id=self.wa_ids[-1]) if self.wa_ids else None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whose a batch's messages are. `contacts` has one for each person, in order.

    `left`: a contact, and a phone of its own that in the end is another's. `former`: place in the batch → the contact whose
    phone the person there took over.
    """

    contacts: list[UUID]
    left: Collection[tuple[UUID, Identity]] = frozenset()
    former: Mapping[int, UUID] = field(default_factory=dict)
    late: Collection[tuple[UUID, Identity]] = frozenset()
    """A contact, and a phone that it wrote from before its owner did: a message that came late takes no phone away."""


class Period(NamedTuple):
    """From when an identity was a contact's: when they wrote from it first, until the next one did."""

    since: datetime
    contact: UUID


@dataclass(slots=True)
class Walk:
    """What comes of people met one after the other, as in `Resolved`.

    `owners`: whose each identity is in the end. `periods`: whose each was since when, as far as `walk` was told and found.
    `founded`: the new contacts.
    """

    owners: dict[Identity, UUID]
    periods: dict[Identity, list[Period]] = field(default_factory=dict)
    contacts: list[UUID] = field(default_factory=list)
    founded: list[UUID] = field(default_factory=list)
    left: set[tuple[UUID, Identity]] = field(default_factory=set)
    former: dict[int, UUID] = field(default_factory=dict)
    late: set[tuple[UUID, Identity]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PhoneChange:
    """What becomes of the number that a contact shows (E.164): it is `gained`, or if it is one of `lost`, `rest`."""

    gained: str | None = None
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


def find_contacts(people: Sequence[Writer], owners: Mapping[Identity, UUID]) -> list[UUID | None]:
    """Returns the contact of each person whose identities are all known and agree, else None."""
    contacts: list[UUID | None] = []
    for person in people:
        identities = person.identities
        contact = owners.get(identities[0])
        if len(identities) > 1 and any(owners.get(identity) != contact for identity in identities):
            contact = None
        contacts.append(contact)
    return contacts


def walk(
    people: Sequence[Writer],
    owners: Mapping[Identity, UUID],
    with_user_id: Collection[UUID],
    new_contact: Callable[[int], UUID],
    now: datetime,
    written: Mapping[Identity, datetime] | None = None,
    periods: Mapping[Identity, Sequence[Period]] | None = None,
) -> Walk:
    """Returns what comes of people who write one after the other, so that no cut into batches makes a difference.

    `owners`: whose each identity is before. `with_user_id`: contacts who have a business-scoped user id (not all need be known:
    only `doubtful` ones). `new_contact`: the id of the contact founded at a place. `written`: when its owner last wrote from a
    phone that somebody else writes from now. `periods`: whose a phone was, oldest first, its owner last.
    """
    done = Walk(dict(owners), {identity: list(each) for identity, each in (periods or {}).items()})
    owned, leading, last = done.owners, set(with_user_id), dict(written or {})
    for place, person in enumerate(people):
        first, *others = person.identities
        contact = owned.get(first)
        if contact is not None and first.kind is _WA_ID:
            contact = owner_at(first, person.at, owned, done.periods)
        if contact is None:
            # An unknown user id on the phone of somebody who has another is a new customer: numbers are recycled.
            # Who shows phones alone, one of which is known, is whoever has that one.
            known = (owner_at(identity, person.at, owned, done.periods) for identity in others if identity in owned)
            contact = next((each for each in known if first.kind is _WA_ID or each not in leading), None)
        if contact is None:
            contact = new_contact(place)
            done.founded.append(contact)
        for identity in person.identities:
            before = owned.get(identity)
            # Who shows a phone alone takes none: another's it is only if they wrote before its owner did.
            is_late = first.kind is _WA_ID or (person.at is not None and person.at < last.get(identity, person.at))
            if before not in (None, contact) and is_late:
                done.late.add((contact, identity))
                continue
            if person.at is not None:
                last[identity] = max(person.at, last.get(identity, person.at))
            if before == contact:
                continue
            if before is not None:
                done.former[place] = before
                done.left.add((before, identity))
            done.left.discard((contact, identity))
            done.late.discard((contact, identity))
            owned[identity] = contact
            _begin(done.periods.setdefault(identity, []), person.at or now, contact)
        if first.kind is _BSUID:
            leading.add(contact)
        done.contacts.append(contact)
    return done


def owner_at(
    identity: Identity, at: datetime | None, owners: Mapping[Identity, UUID], periods: Mapping[Identity, Sequence[Period]]
) -> UUID:
    """Returns whose the identity was then; its first owner's before that. At None: whose it is."""
    if at is not None:
        known = periods.get(identity, ())
        for each in reversed(known):
            if each.since <= at:
                return each.contact
        if known:
            return known[0].contact
    return owners[identity]


def _begin(periods: list[Period], since: datetime, contact: UUID) -> None:
    """Each owner begins after the one before, also by a clock that stands still."""
    if periods:
        since = max(since, periods[-1].since + timedelta(microseconds=1))
    periods.append(Period(since, contact))


def doubtful(
    people: Sequence[Writer], owners: Mapping[Identity, UUID], periods: Mapping[Identity, Sequence[Period]] | None = None
) -> set[UUID]:
    """Returns the contacts from whose phones an unknown user id writes: of these `walk` must know whether they have another."""
    return {
        contact
        for person in people
        if person.identities[0] not in owners
        for identity in person.identities[1:]
        if identity in owners
        for contact in (owners[identity], owner_at(identity, person.at, owners, periods or {}))
    }


def backdated(people: Sequence[Writer], owners: Mapping[Identity, UUID], since: Mapping[Identity, datetime]) -> set[Identity]:
    """Returns the phones whose former owners `walk` must know: somebody known by it alone wrote before its owner had it."""
    return {
        identity
        for person in people
        if person.at is not None and (person.identities[0].kind is _WA_ID or person.identities[0] not in owners)
        for identity in person.identities
        if identity.kind is _WA_ID and identity in since and person.at < since[identity]
    }


def contested(people: Sequence[Writer], owners: Mapping[Identity, UUID]) -> set[tuple[UUID, str]]:
    """Returns owner and phone where somebody else may be writing from it: `walk` must know when its owner last did."""
    return {
        (owners[identity], identity.external_id)
        for person in people
        for identity in person.identities[1:]
        if identity in owners and owners[identity] != owners.get(person.identities[0])
    }


def given_names(people: Sequence[Writer], contacts: Sequence[UUID], names: Mapping[UUID, str | None]) -> dict[UUID, str]:
    """Returns the name that each contact gave last, if one was not what `names` says; contacts not named there are left out."""
    given: dict[UUID, str] = {}
    for person, contact in zip(people, contacts, strict=True):
        name = person.name
        if name and (contact in given or names.get(contact, name) != name):
            given[contact] = name
    return given


def first_phones(owners: Mapping[Identity, UUID]) -> dict[UUID, str]:
    """Returns the phone of each contact that stands first."""
    phones: dict[UUID, str] = {}
    for identity, contact in owners.items():
        if identity.kind is _WA_ID:
            phones.setdefault(contact, identity.external_id)
    return phones


def shown_phones(done: Walk, recipients: Mapping[UUID, Recipient]) -> dict[UUID, PhoneChange]:
    """Returns what phones that changed hands do to the numbers shown. `recipients`: who lost one, with what is left to them."""
    changes: dict[UUID, PhoneChange] = {}
    for contact, phone in done.left:
        lost = e164(phone.external_id)
        if lost is None:
            continue
        rest = recipients[contact].wa_ids if contact in recipients else ()
        before = changes.get(contact, SAME_PHONE)
        changes[contact] = replace(before, lost=(*before.lost, lost), rest=e164(rest[-1]) if rest else None)
        taker = done.owners[phone]
        changes[taker] = replace(changes.get(taker, SAME_PHONE), gained=lost)
    return changes


def e164(wa_id: str | None) -> str | None:
    """Returns the international form of a phone as WhatsApp gives it; None of what is no phone number."""
    if wa_id is None:
        return None
    try:
        number = phonenumbers.parse("+" + wa_id.lstrip("+"))
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
