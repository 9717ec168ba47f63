"""Who is whom: people met one after the other, and properties over all ways in which identities agree and disagree."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from waystate.contacts.lifecycle import (
    Period,
    Walk,
    backdated,
    contested,
    doubtful,
    find_contacts,
    shown_phones,
    walk,
)
from waystate.contacts.model import (
    Address,
    Identity,
    IdentityKind,
    PhoneChange,
    Recipient,
    Writer,
    e164,
    given_names,
    person_of,
)
from waystate.contacts.spellings import as_spelled

WA, BSUID = IdentityKind.WA_ID, IdentityKind.BSUID
PHONE, OTHER = Identity(WA, "4915112345678"), Identity(WA, "4915112345679")
ANN, BOB = Identity(BSUID, "DE.1"), Identity(BSUID, "DE.9")

LONG, SHORT = "5511987654321", "551187654321"
"""One phone in both spellings."""

phones = st.sampled_from([None, "491", "492", LONG, SHORT])
wrote = st.tuples(st.sampled_from([None, "DE.1", "DE.2", "DE.3"]), phones).filter(any)
people = st.lists(wrote.map(lambda ids: person_of(ids[1], ids[0])), max_size=12)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
times = st.integers(0, 5).map(lambda seconds: NOW + timedelta(seconds=seconds))
people_in_any_order = st.lists(st.builds(lambda ids, at: person_of(ids[1], ids[0], at=at), wrote, times), max_size=12)


@dataclass
class Book:
    """What a database keeps between batches."""

    owners: dict[Identity, UUID] = field(default_factory=dict)
    periods: dict[Identity, list[Period]] = field(default_factory=dict)
    written: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    merged: dict[UUID, UUID] = field(default_factory=dict)
    phoned: set[UUID] = field(default_factory=set)
    heard: dict[UUID, datetime] = field(default_factory=dict)

    def meet(self, batch: Sequence[Writer]) -> Walk:
        ids: defaultdict[int, UUID] = defaultdict(uuid4)
        batch = as_spelled(batch, self.owners)
        early = backdated(batch, self.owners, {identity: each[-1].since for identity, each in self.periods.items()})
        periods = {identity: each if identity in early else each[-1:] for identity, each in self.periods.items()}
        suspects = doubtful(batch, self.owners, periods)
        leading = {each for identity, each in self.owners.items() if identity.kind is BSUID and each in suspects}
        asked = contested(batch, self.owners) & self.written.keys()
        written = {Identity(WA, phone): self.written[contact, phone] for contact, phone in asked}
        heard = {each: at for each, at in self.heard.items() if each in suspects}
        done = walk(batch, self.owners, leading, ids.__getitem__, NOW, written, periods, self.phoned & suspects, heard)
        self.owners = done.owners
        for identity, found in done.periods.items():
            self.periods.setdefault(identity, []).extend(found[len(periods.get(identity, ())) :])
        self.merge(done.merged)
        for person, contact in zip(batch, done.contacts, strict=True):
            for _, phone in (each for each in person.identities if each.kind is WA and person.at is not None):
                self.written[contact, phone] = max(person.at or NOW, self.written.get((contact, phone), person.at or NOW))
            self.heard[contact] = max(person.at or NOW, self.heard.get(contact, person.at or NOW))
        self.phoned |= {each for identity, each in self.owners.items() if identity.kind is WA}
        self.phoned |= {each.contact for identity, found in self.periods.items() if identity.kind is WA for each in found}
        return done

    def merge(self, merged: Mapping[UUID, UUID]) -> None:
        """What was a contact's is the one's that it was merged into."""
        self.merged = {gone: merged.get(kept, kept) for gone, kept in self.merged.items()} | dict(merged)
        written: dict[tuple[UUID, str], datetime] = {}
        for (contact, phone), at in self.written.items():
            key = (self.merged.get(contact, contact), phone)
            written[key] = max(at, written.get(key, at))
        self.written = written
        heard: dict[UUID, datetime] = {}
        for contact, at in self.heard.items():
            kept = self.merged.get(contact, contact)
            heard[kept] = max(at, heard.get(kept, at))
        self.heard = heard
        for periods in self.periods.values():
            periods[:] = [Period(each.since, self.merged.get(each.contact, each.contact)) for each in periods]


def met(*batches: Sequence[Writer]) -> tuple[list[UUID], Book]:
    book = Book()
    contacts = [contact for batch in batches for contact in book.meet(batch).contacts]
    return [book.merged.get(contact, contact) for contact in contacts], book


def said(user: Identity | None, phone: Identity | None) -> Writer:
    return person_of(phone.external_id if phone else None, user.external_id if user else None)


def partition(contacts: Sequence[UUID], book: Book) -> tuple[list[int], dict[Identity, int | None]]:
    """Who is whom without the ids themselves: each contact by the place where it was met first."""
    first: dict[UUID, int] = {}
    for place, contact in enumerate(contacts):
        first.setdefault(contact, place)
    return [first[contact] for contact in contacts], {identity: first.get(contact) for identity, contact in book.owners.items()}


@given(people | people_in_any_order, st.data())
def test_every_cut_into_batches_gives_what_one_by_one_gives(everybody: list[Writer], data: st.DataObject) -> None:
    alone = partition(*met(*[[person] for person in everybody]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(everybody)), max_size=4)))
    batches = [everybody[start:end] for start, end in zip([0, *cuts], [*cuts, len(everybody)], strict=True)]
    assert partition(*met(*batches)) == alone


@given(people)
def test_everybody_owns_what_they_wrote_from_once_they_wrote(everybody: list[Writer]) -> None:
    book = Book()
    for person in everybody:
        (contact,) = book.meet([person]).contacts
        assert {book.owners[identity] for identity in person.identities} == {contact}


@given(people)
def test_a_business_scoped_id_never_changes_its_contact_and_a_contact_never_has_two(everybody: list[Writer]) -> None:
    book = Book()
    users: dict[Identity, UUID] = {}
    for person in everybody:
        book.meet([person])
        now = {identity: each for identity, each in book.owners.items() if identity.kind is BSUID}
        assert users.items() <= now.items()
        assert len(set(now.values())) == len(now)
        users = now


@given(people)
def test_what_somebody_left_is_anothers_and_who_took_it_is_told_from_whom(everybody: list[Writer]) -> None:
    done = Book().meet(everybody)
    assert all(done.owners[phone] != contact for contact, phone in done.left)
    assert {contact for contact, _ in done.left} <= set(done.former.values())
    assert all(done.contacts[place] != contact for place, contact in done.former.items())
    assert set(done.founded) == set(done.contacts)


@given(people, people)
def test_who_is_known_and_agrees_is_found_without_a_walk(before: list[Writer], everybody: list[Writer]) -> None:
    book = Book()
    book.meet(before)
    found = find_contacts(everybody, book.owners)
    if None not in found:
        owners = book.owners
        done = book.meet(everybody)
        assert done.contacts == found
        assert (done.owners, done.left, done.former) == (owners, set(), {})


def test_an_unknown_user_id_on_the_phone_of_somebody_who_has_another_is_a_new_customer() -> None:
    (ann, bob, by_phone, ann_again), book = met([said(ANN, PHONE)], [said(BOB, PHONE)], [said(None, PHONE)], [said(ANN, None)])
    assert (ann, bob) == (ann_again, by_phone)
    assert ann != bob
    assert book.owners == {ANN: ann, BOB: bob, PHONE: bob}


def test_an_unknown_user_id_on_the_phone_of_somebody_who_has_none_is_theirs() -> None:
    (by_phone, both), book = met([said(None, PHONE)], [said(ANN, PHONE)])
    assert by_phone == both
    assert book.owners == {PHONE: both, ANN: both}


def wrote_at(seconds: int, user: Identity | None, phone: Identity) -> Writer:
    return replace(said(user, phone), at=NOW + timedelta(seconds=seconds))


def test_a_phone_alone_is_its_owners_when_it_was_written() -> None:
    ann, bob, late, in_time, before_all = met(
        [wrote_at(5, ANN, PHONE)],
        [wrote_at(10, BOB, PHONE)],
        [wrote_at(9, None, PHONE)],
        [wrote_at(10, None, PHONE)],
        [wrote_at(1, None, PHONE)],
    )[0]
    assert (late, in_time, before_all) == (ann, bob, ann)


def test_an_unknown_user_id_that_comes_late_is_the_phones_owner_then_who_has_none() -> None:
    (by_phone, bob, _, late), book = met(
        [wrote_at(0, None, PHONE)], [wrote_at(2, BOB, OTHER)], [wrote_at(10, BOB, PHONE)], [wrote_at(5, ANN, PHONE)]
    )
    assert late == by_phone != bob
    assert book.owners[PHONE] == bob


def test_a_known_user_id_takes_the_phone_it_writes_from_whoever_had_it() -> None:
    (ann, bob, bob_again, carl, ann_again), book = met(
        [said(ANN, PHONE)], [said(BOB, None)], [said(BOB, PHONE)], [said(None, OTHER)], [said(ANN, OTHER)]
    )
    assert (bob, ann) == (bob_again, ann_again)
    assert len({ann, bob, carl}) == 3
    assert book.owners == {ANN: ann, BOB: bob, PHONE: bob, OTHER: ann}


def test_two_people_of_one_batch_are_not_one_because_a_phone_went_from_one_to_the_other() -> None:
    (first, second, bob), book = met([said(ANN, PHONE), said(ANN, OTHER), said(BOB, PHONE)])
    assert first == second != bob
    assert book.owners == {ANN: first, OTHER: first, BOB: bob, PHONE: bob}


def test_the_business_scoped_id_leads() -> None:
    assert person_of("4917", "DE.1", "Ada") == Writer((Identity(BSUID, "DE.1"), Identity(WA, "4917")), "Ada")


def test_an_empty_phone_is_no_phone() -> None:
    assert person_of("", "DE.1") == Writer((Identity(BSUID, "DE.1"),))
    assert person_of("4917", None) == Writer((Identity(WA, "4917"),))


def test_the_name_given_last_stands_and_no_name_changes_nothing() -> None:
    ada, bob, cyd = uuid4(), uuid4(), uuid4()
    said = [(ada, "Ada L."), (bob, "Bob"), (ada, None), (ada, "Ada"), (cyd, "Cyd"), (bob, None)]
    people = [Writer((PHONE,), name) for _, name in said]
    assert given_names(people, [contact for contact, _ in said], {ada: "Ada", bob: None}) == {bob: "Bob"}


def test_the_answer_goes_to_what_was_last_written_from_while_that_is_the_contacts() -> None:
    ann = Recipient("Ann", ("491", "492"), ("DE.1",))
    assert ann.find_address("491", "DE.1") == Address(wa_id="491")
    assert ann.find_address(None, "DE.1") == Address(user_id="DE.1"), "an older phone may be somebody else's"
    assert ann.find_address("493", "DE.1") == Address(user_id="DE.1"), "that phone is somebody else's"
    assert ann.find_address("493", None) == ann.find_address(None, None) == Address(user_id="DE.1")


def test_without_a_user_id_another_phone_is_the_last_resort_and_then_there_is_nothing() -> None:
    assert Recipient(None, ("491", "492")).find_address("493", None) == Address(wa_id="492")
    assert Recipient(None).find_address("493", "DE.1") is None


def test_a_number_that_went_away_is_shown_by_who_has_it() -> None:
    (ann, _, bob), book = met([said(ANN, PHONE), said(ANN, OTHER), said(BOB, PHONE)])
    done = Walk(book.owners, left={(ann, PHONE)})
    with_another = shown_phones(done, {ann: Recipient("Ann", (OTHER.external_id,))})
    assert with_another == {
        ann: PhoneChange(lost=("+4915112345678",), rest="+4915112345679"),
        bob: PhoneChange(gained="+4915112345678"),
    }
    assert shown_phones(done, {})[ann] == PhoneChange(lost=("+4915112345678",))


def test_what_is_no_phone_number_has_no_international_form() -> None:
    assert [e164("4915112345678"), e164("+4915112345678"), e164("x"), e164(None)] == ["+4915112345678"] * 2 + [None] * 2
