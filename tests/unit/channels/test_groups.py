"""What webhooks say in groups and of groups, whatever of it is missing; and what is rendered for a group."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.model import AccountReport, Unusable
from waystate.channels.whatsapp.group_reports import group_reports_of
from waystate.channels.whatsapp.lines import SpokenInGroup, Surroundings, agents_text, attributes_of
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.channels.whatsapp.render import render_composed, render_outbound
from waystate.errors import Reason, Rejected
from waystate.groups.model import GroupState
from waystate.messages.model import InboundMessage, StatusReport

NOW = datetime(2026, 11, 30, tzinfo=UTC)
GROUP, MESSAGE = "Y2FwaV9ncm91cDoxNTU1MDEwMDk5OToxMjAzNjMwMAZD", UUID(int=7)
ABOUT = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1001", "display_phone_number": "15550100999"}}
SAID: dict[str, Any] = {
    "from": "15550100101",
    "from_user_id": "US.13491208655302741918",
    "group_id": GROUP,
    "id": "wamid.1",
    "timestamp": "1790000000",
    "type": "text",
    "text": {"body": "Who comes?"},
    "context": {"from": "15550100102", "id": "wamid.0"},
}
CONTACT = {"profile": {"name": "Ann Example"}, "wa_id": "15550100101", "user_id": "US.13491208655302741918"}
STATUS: dict[str, Any] = {
    "id": "wamid.9",
    "status": "delivered",
    "timestamp": "1790000000",
    "recipient_id": GROUP,
    "recipient_type": "group",
    "recipient_participant_id": "15550100101",
    "recipient_participant_user_id": "US.13491208655302741918",
    "pricing": {"billable": False, "type": "free_group_customer_service", "category": "group_service"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "group_lifecycle_update": {
        "timestamp": "1790000000",
        "group_id": GROUP,
        "type": "group_create",
        "subject": "Trip",
        "added_participants": [{"input": 15550100101, "wa_id": 15550100101}],
    },
    "group_participants_update": {
        "timestamp": "1790000000",
        "group_id": GROUP,
        "type": "group_participants_remove",
        "removed_participants": [{"input": "US.13491208655302741918"}],
        "added_participants": [{"wa_id": "15550100102", "username": "@bob"}],
        "failed_participants": [{"input": "15550100103", "errors": [{"code": 1}]}],
    },
    "group_settings_update": {
        "timestamp": "1790000000",
        "group_id": GROUP,
        "type": "group_settings_update",
        "group_subject": {"text": "Oslo", "update_successful": True},
        "profile_picture": {"mime_type": "image/jpeg", "sha256": "x", "update_successful": False},
    },
    "group_status_update": {"timestamp": "1790000000", "group_id": GROUP, "type": "group_suspend"},
}


def envelope(field: str, **value: Any) -> bytes:
    change = {"field": field, "value": {**ABOUT, **value}}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "waba", "changes": [change]}]}).encode()


def places(document: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        yield (*before, key)
        yield from places(value, (*before, key))


def spoiled(document: Any, harm: dict[tuple[Any, ...], Any]) -> Any:
    """With some of its parts missing or replaced."""
    broken = copy.deepcopy(document)
    for place, value in harm.items():
        at = broken
        for key in place[:-1]:
            at = at.get(key) if isinstance(at, dict) else at[key] if isinstance(at, list) and key < len(at) else None
        if isinstance(at, dict) and place[-1] in at:
            if value is ...:
                del at[place[-1]]
            else:
                at[place[-1]] = copy.deepcopy(value)
    return broken


def harms(document: Any) -> st.SearchStrategy[dict[tuple[Any, ...], Any]]:
    values = st.sampled_from([..., None, "", 7, [], {}, "x", True, [None], {"type": None}])
    return st.dictionaries(
        st.sampled_from([each for each in places(document) if isinstance(each[-1], str)]), values, max_size=4
    )


@given(harm=harms({"messages": [SAID], "contacts": [CONTACT]}))
def test_whatever_a_groups_message_lacks_it_is_kept_and_never_taken_for_a_private_one(harm: dict[tuple[Any, ...], Any]) -> None:
    value = spoiled({"messages": [SAID], "contacts": [CONTACT]}, harm)
    items = parse_webhook(envelope("messages", **value), NOW).items
    assert len(items) == 1
    item = items[0].value
    if isinstance(item, InboundMessage):
        named = value["messages"][0].get("group_id")
        assert item.metadata.get("group_id") == (str(named) if named == 7 else named)
        assert item.group_id == (str(named) if named and isinstance(named, str | int) and named is not True else None)


@given(harm=harms({"statuses": [STATUS]}))
def test_whatever_a_groups_status_lacks_it_is_kept(harm: dict[tuple[Any, ...], Any]) -> None:
    items = parse_webhook(envelope("messages", **spoiled({"statuses": [STATUS]}, harm)), NOW).items
    assert len(items) == 1
    assert not isinstance(items[0].value, InboundMessage)


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_a_groups_field_lacks_it_stands_on_the_timeline_and_can_be_read(field: str) -> None:
    @given(harm=harms({"groups": [CHANGES[field]]}))
    def check(harm: dict[tuple[Any, ...], Any]) -> None:
        value = spoiled({"groups": [CHANGES[field]]}, harm)
        (item,) = parse_webhook(envelope(field, **value), NOW).items
        assert isinstance(item.value, AccountReport)
        reports = group_reports_of(field, item.value.value, NOW)
        if harm.keys().isdisjoint([("groups",), ("groups", 0, "group_id")]):
            assert [each.group_id for each in reports] == [GROUP]

    check()


def test_a_groups_field_is_read() -> None:
    created, moved, named, gone = (group_reports_of(field, {"groups": [said]}, NOW)[0] for field, said in CHANGES.items())
    assert (created.subject, created.state, [each.wa_id for each in created.joined]) == (
        "Trip",
        GroupState.ACTIVE,
        ["15550100101"],
    )
    assert [each.user_id for each in moved.left] == ["US.13491208655302741918"]
    assert [(each.wa_id, each.name) for each in moved.joined] == [("15550100102", "@bob")]
    assert moved.state is None
    assert (named.subject, gone.state) == ("Oslo", GroupState.SUSPENDED)


def test_a_published_payload_of_people_removed_makes_no_group_new() -> None:
    said = CHANGES["group_participants_update"] | {"type": "group_create"}
    assert group_reports_of("group_participants_update", {"groups": [said]}, NOW)[0].state is None


@pytest.mark.parametrize("key", ["recipient_participant_id", "participant_recipient_id", "recipient_participant_user_id"])
def test_a_status_names_one_person_of_the_group_in_either_spelling(key: str) -> None:
    said = {name: value for name, value in STATUS.items() if "participant" not in name} | {key: "15550100101"}
    (item,) = parse_webhook(envelope("messages", statuses=[said]), NOW).items
    assert isinstance(item.value, StatusReport)
    assert (item.value.recipient, item.value.is_of_group) == ("15550100101", True)


def test_a_message_without_a_writer_is_kept_with_its_reason() -> None:
    said = {key: value for key, value in SAID.items() if not key.startswith("from")}
    (item,) = parse_webhook(envelope("messages", messages=[said]), NOW).items
    assert isinstance(item.value, Unusable)


TO: dict[str, Any] = {"wa_id": None, "user_id": None, "group_id": GROUP, "message_id": MESSAGE}


def test_what_goes_to_a_group_names_the_group_alone() -> None:
    body = render_outbound(**TO, type="text", text="Hi", media=None)
    assert body == {
        "messaging_product": "whatsapp",
        "recipient_type": "group",
        "to": GROUP,
        "type": "text",
        "text": {"body": "Hi"},
        "biz_opaque_callback_data": str(MESSAGE),
    }
    file = render_outbound(**TO, type="image", text="See", media={"file_id": "f", "media_id": "m"})
    assert (file["recipient_type"], file["to"]) == ("group", GROUP)


def template(*components: dict[str, Any]) -> dict[str, Any]:
    return {"name": "t", "language": {"code": "en"}, "components": list(components)}


IMAGE = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://a.example/b.png"}}]}
BODY = {"type": "BODY", "parameters": [{"type": "text", "text": "Ann"}]}


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("text", {"body": "Hi"}),
        *((kind, {"id": "1"}) for kind in ("image", "video", "audio", "document", "sticker")),
        ("template", {"name": "t", "language": {"code": "en"}}),
        ("template", template(IMAGE, BODY)),
    ],
)
def test_a_group_takes(type: str, content: dict[str, Any]) -> None:
    assert render_composed(**TO, type=type, content=content)["recipient_type"] == "group"


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("interactive", {"type": "button"}),
        ("location", {"latitude": 1, "longitude": 2}),
        ("contacts", {"contacts": []}),
        ("reaction", {"message_id": "wamid.1", "emoji": "👍"}),
        ("template", template({"type": "button", "sub_type": "url", "index": "0", "parameters": []})),
        ("template", template({"type": "header", "parameters": [{"type": "location", "location": {}}]})),
        ("template", template({"type": "carousel", "cards": []})),
        ("template", template({"parameters": []})),
    ],
)
def test_a_group_refuses(type: str, content: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        render_composed(**TO, type=type, content=content)
    assert refused.value.reason is Reason.NOT_FOR_GROUPS
    to_one = TO | {"wa_id": "15550100101", "group_id": None}
    assert render_composed(**to_one, type=type, content=content)["recipient_type"] == "individual"


@pytest.mark.parametrize(
    ("name", "writer_id", "who"),
    [
        ("Ann Example", "15550100101", "Ann Example"),
        (" Ann\nExample ", None, "Ann Example"),
        ("\u200e", "15550100101", "15550100101"),
        (None, None, "somebody"),
    ],
)
def test_a_line_of_a_group_begins_with_who_wrote(name: str | None, writer_id: str | None, who: str) -> None:
    around = Surroundings(group=SpokenInGroup(GROUP, name, writer_id))
    assert agents_text("text", "Hi", {"body": "Hi"}, None, around) == f"{who}: Hi"
    assert attributes_of("text", {}, None, around)["whatsapp_group_id"] == GROUP


def test_a_choice_stands_alone_for_flows() -> None:
    content = {"text": "Yes", "payload": "yes"}
    assert agents_text("button", "Yes", content, None, Surroundings(group=SpokenInGroup(GROUP, "Ann"))) == "Yes"
