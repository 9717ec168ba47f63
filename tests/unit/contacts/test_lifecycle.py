"""The life of identities as a table: what is known, what WhatsApp tells, and what comes of it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from waystate.contacts.lifecycle import IdentityChange, Walk, doubtful, survive, survivors, walk
from waystate.contacts.model import Identity, IdentityKind, Writer, given_names, person_of
from waystate.messages.model import InboundMessage
from waystate.messages.note import change_of
from waystate.messages.receive import writer_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def phone(number: str) -> Identity:
    return Identity(IdentityKind.WA_ID, number)


def user(bsuid: str) -> Identity:
    return Identity(IdentityKind.BSUID, bsuid)


P1, P2, P3, U1, U2, U9 = phone("10001"), phone("10002"), phone("10003"), user("US.1"), user("US.2"), user("US.9")


def wrote(*ids: Identity, at: int = 0, attested: Sequence[Identity] = ()) -> Writer:
    return Writer(ids, at=NOW + timedelta(seconds=at), attested=frozenset(attested))


def told(*people: Writer) -> Walk:
    """All of it in one batch; that no cut into batches makes a difference is shown elsewhere."""
    ids: defaultdict[int, UUID] = defaultdict(uuid4)
    assert doubtful(people, {}) == set()
    return walk(people, {}, (), ids.__getitem__, NOW)


# What people show one after the other, how many they are, and which ids lead to the last one in the end.
TABLE: dict[str, tuple[list[Writer], int, set[Identity]]] = {
    "both ids are one person": ([wrote(U1, P1), wrote(P1), wrote(U1)], 1, {U1, P1}),
    "a phone learned later is added": ([wrote(U1), wrote(U1, P1)], 1, {U1, P1}),
    "a user id learned later is added": ([wrote(P1), wrote(U1, P1)], 1, {U1, P1}),
    "a phone and a user id that were two are merged by both": ([wrote(P1), wrote(U1, at=1), wrote(U1, P1, at=2)], 1, {U1, P1}),
    "whichever came first": ([wrote(U1), wrote(P1, at=1), wrote(U1, P1, at=2)], 1, {U1, P1}),
    "also by a message that comes late": ([wrote(U1, at=5), wrote(P1, at=6), wrote(U1, P1)], 1, {U1, P1}),
    "who moved on is who wrote from the new phone since": (
        [wrote(U1, P1), wrote(P2, at=5), wrote(U1, P2, at=9)],
        1,
        {U1, P1, P2},
    ),
    "who wrote from the phone while the other had another is somebody else": (
        [wrote(P2), wrote(U1, P1, at=5), wrote(U1, P2, at=9)],
        2,
        {U1, P1, P2},
    ),
    "an unknown user id on the phone of somebody with another is new": ([wrote(U1, P1), wrote(U9, P1, at=1)], 2, {U9, P1}),
    "of two owners in one second the later one is meant": ([wrote(U1, P1), wrote(U9, P1), wrote(P1)], 2, {U9, P1}),
    "a known user id takes the phone of somebody with another": (
        [wrote(U1, P1), wrote(U2), wrote(U2, P1, at=1)],
        2,
        {U2, P1},
    ),
    "a phone that WhatsApp attests merges": (
        [wrote(P2), wrote(U1, P1, at=5), wrote(U1, P2, at=9, attested=[P2])],
        1,
        {U1, P1, P2},
    ),
    "but not with somebody who has another user id": (
        [wrote(U2, P2), wrote(U1, P1), wrote(U1, P2, at=9, attested=[P2])],
        2,
        {U1, P1, P2},
    ),
    "nor is a phone by which nobody with a user id is known": (
        [wrote(U2, P2), wrote(P1, at=5), wrote(P1, P2, at=9, attested=[P2])],
        2,
        {P1, P2},
    ),
    "an attested phone is not taken from who wrote from it later": (
        [wrote(U2, P2, at=12), wrote(P1, at=5), wrote(P1, P2, at=9, attested=[P2])],
        2,
        {P1},
    ),
    "two phones in one message are one person's": ([wrote(P1), wrote(P2), wrote(P1, P2)], 1, {P1, P2}),
    "unless each has a user id": ([wrote(U1, P1), wrote(U2, P2), wrote(P1, P2)], 2, {U1, P1}),
    "a user id beside another proves them one": ([wrote(U1, P1), wrote(U2, P2), wrote(U1, U2, P2)], 1, {U1, U2, P1, P2}),
}


@pytest.mark.parametrize("row", TABLE)
def test_what_people_show_adds_or_merges(row: str) -> None:
    people, count, ids = TABLE[row]
    done = told(*people)
    assert len({*done.contacts}) == count
    assert {identity for identity, owner in done.owners.items() if owner == done.contacts[-1]} == ids
    assert not done.merged, "nobody was there before"


def test_contacts_that_were_there_are_merged_into_the_one_with_the_user_id() -> None:
    ann, same = uuid4(), uuid4()
    done = walk([wrote(U1, P1)], {U1: ann, P1: same}, {ann}, lambda _: uuid4(), NOW)
    assert (done.contacts, done.merged, done.left, done.founded) == ([ann], {same: ann}, set(), [])
    assert done.owners == {U1: ann, P1: ann}


def test_who_wrote_last_stays_and_who_never_wrote_does_not() -> None:
    ann, same, third = uuid4(), uuid4(), uuid4()
    assert survivors({same: ann, third: ann}, {third: NOW}) == {ann: third}
    done = Walk({U1: ann, P1: ann, P2: uuid4()}, contacts=[ann, ann], merged={same: ann})
    survive(done, {same: NOW, ann: NOW - timedelta(days=1)})
    assert (done.contacts, done.merged) == ([same, same], {ann: same})
    assert done.owners[U1] == done.owners[P1] == same != done.owners[P2]


def test_a_user_id_that_ended_is_its_persons_and_holds_again_until_another_comes() -> None:
    ann = uuid4()
    before: dict[Identity, UUID] = {P2: ann}
    again = walk([wrote(U1, at=5)], before, (), lambda _: uuid4(), NOW, ended={U1: ann})
    assert (again.contacts, again.owners, again.founded) == ([ann], {P2: ann, U1: ann}, [])
    with_another = walk([wrote(U2, P2), wrote(U1, at=5)], before, (), lambda _: uuid4(), NOW, ended={U1: ann})
    assert (with_another.contacts, with_another.owners) == ([ann, ann], {P2: ann, U2: ann})
    before_another = walk([wrote(U1), wrote(U2, P2, at=5)], before, (), lambda _: uuid4(), NOW, ended={U1: ann})
    assert len({*before_another.contacts}) == 2, "who wrote by their user id from the phone has not got another"


def change(before: Sequence[Identity], *after: Identity) -> IdentityChange:
    return IdentityChange(tuple(before), after, NOW)


ENDED: dict[str, tuple[IdentityChange, set[Identity], set[Identity]]] = {
    "a new phone ends the old one and the user id": (change([U1, P1], U2, P2), {U1, P1, U2, P2}, {U1, P1}),
    "also where the new user id is not told": (change([P1], P2), {U1, P1, P2}, {U1, P1}),
    "but where the new phone is somebody else's, the user id stays": (change([P1], P2), {U1, P1}, {P1}),
    "the same phone ends nothing": (change([U1], P1), {U1, P1}, set()),
    "the other spelling of the phone ends no user id": (
        change([phone("551187654321")], phone("5511987654321")),
        {U1, phone("551187654321"), phone("5511987654321")},
        {phone("551187654321")},
    ),
    "a new user id leaves the phone": (change([U1, P1], U2), {U1, P1, U2}, {U1}),
    "other phones stay": (change([P1], P2), {P1, P2, P3}, {P1}),
    "both spellings of the phone end": (
        change([phone("5511987654321")], P2),
        {phone("551187654321"), phone("5511987654321"), P2},
        {phone("551187654321"), phone("5511987654321")},
    ),
}


@pytest.mark.parametrize("row", ENDED)
def test_a_change_ends_what_it_replaced(row: str) -> None:
    told, held, ended = ENDED[row]
    assert told.ended(held) == ended


def test_who_changed_is_known_by_the_user_id_else_by_the_phone() -> None:
    ann, bob = uuid4(), uuid4()
    assert change([U1, P1], P2).find_known({U1: ann, P1: bob}, {ann, bob}) == U1
    assert change([P1], P2).find_known({P1: bob}, {bob}) == P1
    assert change([U1, P1], P2).find_known({P1: bob}, ()) == P1
    assert change([U1, P1], P2).find_known({P1: bob}, {bob}) is None, "the phone is somebody else's by now"
    assert change([U1, P1], P2).find_known({P2: bob}, {bob}) is None


def said(content: dict[str, Any], **more: Any) -> InboundMessage:
    given: dict[str, Any] = {"wamid": "w", "phone_number_id": "1", "sent_at": NOW, "type": "system", "content": content}
    return InboundMessage(**(given | more))


SYSTEM: list[tuple[dict[str, Any], dict[str, Any], tuple[Sequence[Identity], Sequence[Identity]] | None]] = [
    ({"type": "user_changed_number", "wa_id": "10002"}, {"wa_id": "10001"}, ([P1], [P2])),
    ({"type": "user_changed_number", "new_wa_id": "10002"}, {"wa_id": "10001"}, ([P1], [P2])),
    ({"type": "customer_changed_number", "customer": "10001", "wa_id": "10002"}, {"wa_id": "10001"}, ([P1], [P2])),
    (
        {"type": "user_changed_number", "wa_id": "10002", "user_id": "US.2", "previous_user_id": "US.1"},
        {"wa_id": "10001", "user_id": "US.1"},
        ([U1, P1], [U2, P2]),
    ),
    ({"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": "US.1"}, {"user_id": "US.1"}, ([U1], [U2])),
    ({"type": "user_changed_user_id", "user_id": "US.2"}, {"wa_id": "10001"}, ([P1], [U2])),
    ({"type": "of_a_later_year", "user_id": "US.2", "previous_user_id": "US.1"}, {"user_id": "US.1"}, ([U1], [U2])),
    ({"type": "user_changed_user_id", "user_id": "US.2"}, {"user_id": "US.2"}, None),
    ({"type": "user_changed_number", "wa_id": "10001"}, {"wa_id": "10001"}, None),
    ({"type": "user_changed_number", "new_wa_id": "NEW_PHONE_NUMBER"}, {"wa_id": "10001"}, None),
    ({"type": "customer_identity_changed", "wa_id": "10002", "user_id": "US.2"}, {"wa_id": "10001"}, None),
    ({"type": "of_a_later_year", "wa_id": "10002"}, {"wa_id": "10001"}, None),
    ({"type": 5, "wa_id": ["10002"]}, {"wa_id": "10001"}, None),
]


@pytest.mark.parametrize(("content", "sender", "expected"), SYSTEM)
def test_a_system_message_tells_a_change_or_none(
    content: dict[str, Any], sender: dict[str, Any], expected: tuple[Sequence[Identity], Sequence[Identity]] | None
) -> None:
    found = change_of(said(content, **sender))
    assert (found and (set(found.before), set(found.after))) == (expected and (set(expected[0]), set(expected[1])))
    assert change_of(said(content, **sender, type="text")) is None


CARD = {
    "contacts": [{"phones": [{"wa_id": "10001"}, {"phone": "+1 2", "wa_id": "?"}, {}]}, {"phones": [{"wa_id": "10002"}]}, 5]
}


def test_a_contact_card_counts_only_where_whatsapp_asked_for_it() -> None:
    asked = writer_of(said(CARD, type="contacts", user_id="US.1", metadata={"origin": "contact_request"}))
    assert (asked.identities, asked.attested) == ((U1, P1, P2), {P1, P2})
    for more in (
        {"metadata": {}},
        {"metadata": {"origin": "other"}},
        {"type": "text", "metadata": {"origin": "contact_request"}},
    ):
        assert writer_of(said(CARD, **{"type": "contacts", "user_id": "US.1"} | more)).identities == (U1,)


def test_the_newest_name_by_the_messages_time_stands() -> None:
    ann = uuid4()
    people = [person_of("10001", None, name, NOW + timedelta(seconds=at)) for name, at in (("B", 5), ("A", 1))]
    assert given_names(people, [ann, ann], {ann: "A"}) == {ann: "B"}
    assert given_names(people[1:], [ann], {ann: "B"}, {ann: NOW + timedelta(seconds=5)}) == {}
    assert given_names(people[1:], [ann], {ann: "B"}, {ann: NOW}) == {ann: "A"}
