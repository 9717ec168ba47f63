"""The life of identities: what each thing that WhatsApp tells of people adds, closes or merges. Pure.

A message shows ids of one person. They are added to the contact that one of them leads to. Where they lead to two, these are
merged if the message proves them to be one, else the phone changes hands: numbers are recycled, and a business-scoped user id
outlives them. A change of ids adds the new ones and closes those that it replaced.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.model import SAME_PHONE, Identity, IdentityKind, PhoneChange, Recipient, Writer, e164
from waystate.contacts.spellings import other_identities, other_identity

_WA_ID, _BSUID = IdentityKind.WA_ID, IdentityKind.BSUID
_A_MOMENT = timedelta(milliseconds=1)
"""Of several owners in one second of the platform's, which `_begin` puts microseconds apart, the last one is meant."""


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
    merged: Mapping[UUID, UUID] = field(default_factory=dict)
    """A contact that was there, and the one that it turned out to be."""


class Period(NamedTuple):
    """From when an identity was a contact's: when they wrote from it first, until the next one did."""

    since: datetime
    contact: UUID


@dataclass(slots=True)
class Walk:
    """What comes of people met one after the other, as in `Resolved`.

    `owners`: whose each identity is in the end. `periods`: whose each was since when, as far as `walk` was told and found.
    `founded`: the new contacts. `ended`: whose user ids were that nobody has now.
    """

    owners: dict[Identity, UUID]
    periods: dict[Identity, list[Period]] = field(default_factory=dict)
    contacts: list[UUID] = field(default_factory=list)
    founded: list[UUID] = field(default_factory=list)
    ended: dict[Identity, UUID] = field(default_factory=dict)
    left: set[tuple[UUID, Identity]] = field(default_factory=set)
    former: dict[int, UUID] = field(default_factory=dict)
    late: set[tuple[UUID, Identity]] = field(default_factory=set)
    merged: dict[UUID, UUID] = field(default_factory=dict)

    def rename(self, gone: UUID, kept: UUID) -> None:
        """From here on what was the one's is the other's."""
        self.owners = {identity: kept if each == gone else each for identity, each in self.owners.items()}
        for identity, periods in self.periods.items():
            self.periods[identity] = [Period(each.since, kept) if each.contact == gone else each for each in periods]
        self.contacts = [kept if each == gone else each for each in self.contacts]
        self.ended = {identity: kept if each == gone else each for identity, each in self.ended.items()}
        for name in ("left", "late"):
            pairs = {(kept if contact == gone else contact, phone) for contact, phone in getattr(self, name)}
            setattr(self, name, {(contact, phone) for contact, phone in pairs if self.owners.get(phone) != contact})
        self.former = {place: kept if each == gone else each for place, each in self.former.items()}
        self.former = {place: each for place, each in self.former.items() if self.contacts[place] != each}
        self.merged = {each: kept if into == gone else into for each, into in self.merged.items()}


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """A customer's ids until a change of phone or of user id, and from then on, as far as WhatsApp tells them.

    `is_new_phone`: with it comes another user id too, whether or not that is told.
    """

    before: tuple[Identity, ...]
    after: tuple[Identity, ...]
    at: datetime

    @property
    def is_new_phone(self) -> bool:
        return any(each.kind is _WA_ID for each in self.after)

    def find_known(self, owners: Mapping[Identity, UUID], with_user_id: Collection[UUID]) -> Identity | None:
        """Returns the id that leads to who they were; None where nobody is known by it.

        A phone whose owner has another user id than the one that is told was theirs once, and is somebody else's.
        """
        users = [each for each in self.before if each.kind is _BSUID]
        phones = [each for each in self.before if each.kind is _WA_ID and each in owners]
        known = next((each for each in users if each in owners), None)
        if known is not None:
            return known
        return next((each for each in phones if not users or owners[each] not in with_user_id), None)

    def ended(self, held: Iterable[Identity]) -> set[Identity]:
        """Returns which of the contact's ids hold no more: the phone that was changed, and every user id before the new one.

        A new phone that is the contact's own from now on comes with a new user id, also where that is not told: the one before
        is closed until it is seen again. The same phone in another spelling is no new one.
        """
        held = set(held)
        phones = {each for each in self.before if each.kind is _WA_ID}
        phones |= set(other_identities(phones).values())
        ended = {each for each in held & phones if self.is_new_phone and each not in self.after}
        is_moved = any(other_identity(each) not in self.after for each in ended) and not held.isdisjoint(self.after)
        if is_moved or any(each.kind is _BSUID for each in self.after):
            ended |= {each for each in held if each.kind is not _WA_ID and each not in self.after}
        return ended


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
    with_phone: Collection[UUID] = (),
    heard: Mapping[UUID, datetime] | None = None,
    ended: Mapping[Identity, UUID] | None = None,
) -> Walk:
    """Returns what comes of people who write one after the other, so that no cut into batches makes a difference.

    `owners`: whose each identity is before. `with_user_id`: contacts who have a business-scoped user id (not all need be known:
    only `doubtful` ones). `new_contact`: the id of the contact founded at a place. `written`: when its owner last wrote from a
    phone that somebody else writes from now. `periods`: whose a phone was, oldest first, its owner last. `with_phone`: contacts
    who ever had a phone, and `heard`: when contacts last wrote (of these too only `doubtful` ones need be known). `ended`: who
    had user ids that have ended; they are theirs still, and hold again where no other one has come since.
    """
    done = Walk(dict(owners), {identity: list(each) for identity, each in (periods or {}).items()}, ended=dict(ended or {}))
    steps = _Steps(done, set(with_user_id), set(with_phone), dict(written or {}), dict(heard or {}), now)
    for place, person in enumerate(people):
        contact = steps.find(person)
        if contact is None:
            contact = new_contact(place)
            done.founded.append(contact)
        done.contacts.append(contact)
        if person.identities[0].kind is _BSUID and person.identities[0] in done.owners:
            steps.leading.add(contact)
        for identity in person.identities:
            steps.show(place, person, identity)
        steps.hear(done.contacts[place], person.at or now)
    return done


@dataclass(slots=True)
class _Steps:
    """A walk under way. `leading`: who has a user id, `phoned`: who ever had a phone; `last`: when somebody last wrote from a
    phone, `heard`: when a contact did from anything."""

    done: Walk
    leading: set[UUID]
    phoned: set[UUID]
    last: dict[Identity, datetime]
    heard: dict[UUID, datetime]
    now: datetime

    def find(self, person: Writer) -> UUID | None:
        """Whose message it is, by what is known before it."""
        owned, periods = self.done.owners, self.done.periods
        first, *others = person.identities
        if first in owned:
            return owner_at(first, person.at, owned, periods) if first.kind is _WA_ID else owned[first]
        if first in self.done.ended:
            return self.done.ended[first]
        # An unknown user id on the phone of somebody who has another is a new customer: numbers are recycled. Who shows phones
        # alone, one of which is known, is whoever has that one.
        known = (owner_at(each, person.at, owned, periods) for each in others if each in owned)
        return next((each for each in known if first.kind is _WA_ID or each not in self.leading), None)

    def show(self, place: int, person: Writer, identity: Identity) -> None:
        """The identity is the contact's from then on, unless it is another's who wrote later."""
        done, first = self.done, person.identities[0]
        before, contact = done.owners.get(identity, done.ended.get(identity)), done.contacts[place]
        if before not in (None, contact) and identity != first and self._are_one(before, person, contact, identity):
            before = contact = self._merge(before, contact)
        if identity not in done.owners and identity in done.ended and contact in self.leading:
            return
        # Who shows a phone alone takes none that is not attested: another's it is only if they wrote before its owner did.
        is_alone = first.kind is _WA_ID and not _is_attested(identity, person)
        is_late = is_alone or (person.at is not None and person.at < self.last.get(identity, person.at))
        if before not in (None, contact) and is_late:
            done.late.add((contact, identity))
            return
        if person.at is not None:
            self.last[identity] = max(person.at, self.last.get(identity, person.at))
        if done.owners.get(identity) == contact:
            return
        if before not in (None, contact):
            assert before is not None
            done.former[place] = before
            done.left.add((before, identity))
        done.left.discard((contact, identity))
        done.late.discard((contact, identity))
        done.owners[identity] = contact
        (self.leading if identity.kind is _BSUID else self.phoned).add(contact)
        _begin(done.periods.setdefault(identity, []), person.at or self.now, contact)

    def hear(self, contact: UUID, at: datetime) -> None:
        self.heard[contact] = max(at, self.heard.get(contact, at))

    def _are_one(self, before: UUID | None, person: Writer, contact: UUID, identity: Identity) -> bool:
        """Whether the message proves that an identity's owner and the person are one. A user id never changes its person.

        A phone does. It is the person's own by proof where WhatsApp attests it, where another phone of the same message is
        theirs, where they never had one, or where its owner began to write after they had ceased to.
        """
        owned, periods = self.done.owners, self.done.periods
        if identity.kind is _BSUID:
            return True
        if before in self.leading and contact in self.leading:
            return False
        if _is_attested(identity, person):
            return before not in self.leading
        if person.identities[0].kind is _WA_ID or contact not in self.phoned:
            return True
        if any(owned.get(each) == contact for each in person.identities if each.kind is _WA_ID):
            return True
        return identity in periods and contact in self.heard and periods[identity][-1].since > self.heard[contact]

    def _merge(self, one: UUID | None, other: UUID) -> UUID:
        """Whoever is there already stays, rather who has a user id, rather the older one."""
        assert one is not None
        pair = sorted((one, other), key=lambda each: (each in self.done.founded, each not in self.leading, each))
        kept, gone = pair
        self.done.rename(gone, kept)
        if gone in self.done.founded:
            self.done.founded.remove(gone)
        else:
            self.done.merged[gone] = kept
        for known in (self.leading, self.phoned):
            if gone in known:
                known.add(kept)
        if gone in self.heard:
            self.hear(kept, self.heard[gone])
        return kept


def _is_attested(identity: Identity, person: Writer) -> bool:
    return identity in person.attested or other_identity(identity) in person.attested


def survivors(merged: Mapping[UUID, UUID], heard: Mapping[UUID, datetime]) -> dict[UUID, UUID]:
    """Returns for each contact that others were merged into which of them all stays: who wrote last, as the platform says.

    `heard`: when each last wrote; who never did is left out.
    """
    groups: dict[UUID, list[UUID]] = {}
    for gone, kept in merged.items():
        groups.setdefault(kept, [kept]).append(gone)
    never = datetime.min.replace(tzinfo=UTC)
    return {kept: max(group, key=lambda each: heard.get(each, never)) for kept, group in groups.items()}


def survive(done: Walk, heard: Mapping[UUID, datetime]) -> None:
    """Lets those stay that `survivors` says: Genesys knows the customer by the id of the contact that wrote last."""
    for kept, stays in survivors(done.merged, heard).items():
        if stays == kept:
            continue
        del done.merged[stays]
        done.rename(kept, stays)
        done.merged[kept] = stays


def owner_at(
    identity: Identity, at: datetime | None, owners: Mapping[Identity, UUID], periods: Mapping[Identity, Sequence[Period]]
) -> UUID:
    """Returns whose the identity was then; its first owner's before that. At None: whose it is."""
    if at is not None:
        known = periods.get(identity, ())
        for each in reversed(known):
            if each.since <= at + _A_MOMENT:
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
    """Returns the contacts that one person's ids lead to, where they do not all lead to one: of these `walk` must know who has
    a business-scoped user id."""
    asked: set[UUID] = set()
    for person in people:
        known = [each for each in person.identities if each in owners]
        if len(person.identities) > 1 and (len(known) < len(person.identities) or len({owners[each] for each in known}) > 1):
            asked.update(owners[each] for each in known)
            asked.update(owner_at(each, person.at, owners, periods or {}) for each in known)
    return asked


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
        if identity.kind is _WA_ID and identity in owners and owners[identity] != owners.get(person.identities[0])
    }


def were_separated(people: Sequence[Writer], known: Mapping[Identity, UUID], owners: Mapping[Identity, UUID]) -> bool:
    """Returns whether somebody's ids led to one contact (`known`), and now that their phones are locked (`owners`) to two.

    Then a merge was undone, and what is known of the user ids, which else never change hands, is of before; or somebody took
    the phone.
    """
    return any(
        len({known[each] for each in person.identities}) == 1 < len({owners[each] for each in person.identities})
        for person in people
        if all(each in known and each in owners for each in person.identities)
    )


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
