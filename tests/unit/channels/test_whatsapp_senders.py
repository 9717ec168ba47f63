"""Whose entry of `contacts[]` is whose, where ids are missing or disagree."""

import pytest

from tests.unit.channels.test_whatsapp_parse import envelope, items_of, message

P1, P4 = "16505551231", "16505551234"
U1, U4, U9 = "US.1", "US.4", "US.9"


def who(item):
    return item.value.wa_id, item.value.user_id, item.value.other_wa_ids, item.value.contact_name


@pytest.mark.parametrize(
    "told",
    [
        {"messages": [message(id="wamid.S", type="system", text=None, system={"type": "x"}, **{"from": P1})]},
        {"messages": [message(id="wamid.S", type="system", text=None, system={"type": "x", "customer": P1}, **{"from": None})]},
        {"messages": [message(id="wamid.S", type="system", text=None, system={"wa_id": P1}, **{"from": "16505551239"})]},
        {"messages": [message(id="wamid.S", **{"from": P1, "from_user_id": U9})]},
        {"statuses": [{"id": "wamid.S", "status": "sent", "timestamp": "1750096325", "recipient_id": P1}]},
    ],
)
def test_an_entry_of_somebody_else_whom_the_change_names_is_nobodys_left_over(told):
    """Named by a change of ids, by a message with another user id, or by a status."""
    contacts = [{"wa_id": P1, "user_id": U1, "profile": {"name": "Ann"}}]
    messages = [*told.get("messages", ()), message(id="wamid.D", **{"from": P4})]
    items = items_of(envelope(*messages, contacts=contacts, statuses=told.get("statuses")))
    (dan,) = [each for each in items if each.value.wamid == "wamid.D"]
    assert who(dan) == (P4, None, (), None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"from": None, "from_user_id": U9}, (None, U9, (), None)),
        ({"from": P4, "from_user_id": U4}, (P4, U4, (), None)),
        ({"from": P1, "from_user_id": U9}, (P1, U9, (), None)),
        ({"from": U9}, (None, U9, (), None)),
        ({"from": P4, "from_user_id": U1}, (P1, U1, (P4,), "Ann")),
        ({"from": P4}, (P1, U1, (P4,), "Ann")),
    ],
)
def test_an_entry_of_another_user_id_is_not_the_senders(fields, expected):
    contacts = [{"wa_id": P1, "user_id": U1, "profile": {"name": "Ann"}}]
    (item,) = items_of(envelope(message(**fields), contacts=contacts))
    assert who(item) == expected


def test_of_two_people_on_one_phone_only_a_user_id_says_who_writes():
    ann, bob = ({"wa_id": P1, "user_id": user, "profile": {"name": name}} for user, name in ((U1, "Ann"), (U9, "Bob")))
    for contacts in ([ann, bob], [bob, ann]):
        messages = [message(**{"from": P1}), message(id="wamid.B", **{"from": P1, "from_user_id": U9})]
        items = items_of(envelope(*messages, contacts=contacts))
        assert [who(each) for each in items] == [(P1, None, (), None), (P1, U9, (), "Bob")]


def test_of_two_phones_of_one_person_the_entry_of_the_one_they_write_from_is_theirs():
    contacts = [{"wa_id": P1, "user_id": U1}, {"wa_id": P1, "user_id": U9}, {"wa_id": P4, "user_id": U1}]
    for listed in (contacts, contacts[::-1]):
        (item,) = items_of(envelope(message(**{"from": P4, "from_user_id": U1}), contacts=listed))
        assert who(item) == (P4, U1, (), None)


def test_a_phone_listed_with_and_without_a_user_id_has_none():
    ann, bare = {"wa_id": P1, "user_id": U1, "profile": {"name": "Ann"}}, {"wa_id": P1, "profile": {"name": "Bob"}}
    for contacts in ([ann, bare], [bare, ann]):
        messages = [message(**{"from": P1}), message(id="wamid.B", **{"from": P1, "from_user_id": U1})]
        items = items_of(envelope(*messages, contacts=contacts))
        assert [who(each) for each in items] == [(P1, None, (), "Bob"), (P1, U1, (), "Ann")]
