"""The past of a number, read from webhooks: chunks of threads, files that come later, the phone's address book."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport, Ignored, Unusable, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.model import AddressBookEntry, PastMessage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
METADATA = {"display_phone_number": "15550783881", "phone_number_id": "106"}
THEIRS = {"from": "16505551234", "id": "wamid.A", "timestamp": "1739230955", "type": "text", "text": {"body": "Open?"}}
OURS = {"from": "15550783881", "to": "16505551234", "id": "wamid.B", "timestamp": 1739230970, "type": "text"} | {
    "text": {"body": "Until 6"},
    "history_context": {"status": "READ"},
}


def parsed(field: str, **value: Any) -> list[Value]:
    body = {"entry": [{"id": "102", "changes": [{"field": field, "value": {"metadata": METADATA} | value}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def chunk(*messages: Any, thread: Any = "16505551234", **metadata: Any) -> dict[str, Any]:
    said = {"phase": 0, "chunk_order": 1, "progress": 55} | metadata
    return {"metadata": said, "threads": [{"id": thread, "messages": list(messages)}]}


def test_a_chunk_is_its_messages_and_how_far_it_is() -> None:
    report, theirs, ours = parsed("history", history=[chunk(THEIRS, OURS)])
    assert isinstance(report, AccountReport)
    assert report.sentence == "WhatsApp sends the number's past messages: phase 0, chunk 1 with 2 of them; 55 % are sent."
    assert report.value["history"] == {
        "metadata": {"phase": 0, "chunk_order": 1, "progress": 55},
        "threads": 1,
        "messages": 2,
    }
    assert isinstance(theirs, PastMessage)
    assert isinstance(ours, PastMessage)
    assert (theirs.direction, theirs.status, theirs.wa_id, theirs.text) == ("inbound", "processed", "16505551234", "Open?")
    assert (ours.direction, ours.status, ours.wa_id, ours.metadata) == (
        "outbound",
        "read",
        "16505551234",
        {"history_context": {"status": "READ"}},
    )
    assert ours.sent_at == datetime(2025, 2, 10, 23, 42, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", "sent"),
        ("SENT", "sent"),
        ("DELIVERED", "delivered"),
        ("PLAYED", "read"),
        ("ERROR", "failed"),
        (None, "sent"),
    ],
)
def test_what_the_business_wrote_has_the_status_it_had(word: str | None, status: str) -> None:
    _, ours = parsed("history", history=[chunk(OURS | {"history_context": {"status": word}})])
    assert isinstance(ours, PastMessage)
    assert ours.status == status


@pytest.mark.parametrize(
    ("message", "direction"),
    [
        ({"history_context": {"from_me": True}}, "outbound"),
        ({"from": "15550783881", "history_context": {"from_me": False}}, "inbound"),
        ({"from": "US.1"}, "inbound"),
        ({"from": "+1 555 078 3881"}, "outbound"),
    ],
)
def test_who_wrote_it_is_told_or_seen(message: dict[str, Any], direction: str) -> None:
    _, value = parsed("history", history=[chunk(THEIRS | message)])
    assert isinstance(value, PastMessage)
    assert (value.direction, value.wa_id) == (direction, "16505551234")


def test_a_business_that_declined_is_a_warning() -> None:
    (report,) = parsed("history", history=[{"errors": [{"code": 2593109, "title": "declined"}]}])
    assert isinstance(report, AccountReport)
    assert (report.severity, report.event) == ("warning", "2593109")
    assert "chose not to share" in report.sentence


def test_a_thread_that_is_no_customers_is_unusable_whole() -> None:
    report, group, theirs = parsed(
        "history", history=[{"threads": [*chunk(OURS, thread="12036@g.us")["threads"], *chunk(THEIRS)["threads"]]}]
    )
    assert isinstance(report, AccountReport)
    assert isinstance(group, Unusable)
    assert group.payload["id"] == "12036@g.us"
    assert isinstance(theirs, PastMessage)


def test_a_file_that_comes_later_is_the_same_message() -> None:
    picture = {"from": "16505551234", "id": "wamid.A", "timestamp": "1", "type": "image", "image": {"id": "7"}}
    (value,) = parsed("history", messages=[picture])
    assert isinstance(value, PastMessage)
    assert (value.wamid, value.wa_id, value.direction, value.media) == ("wamid.A", "16505551234", "inbound", {"id": "7"})
    (ours,) = parsed("history", messages=[picture | {"from": "15550783881", "to": "16505551234"}])
    assert isinstance(ours, PastMessage)
    assert (ours.wa_id, ours.direction) == ("16505551234", "outbound")


def test_an_address_book_is_its_entries() -> None:
    contact = {"full_name": "Ada Byron", "first_name": "Ada", "phone_number": "16505551234"}
    added, removed, odd = parsed(
        "smb_app_state_sync",
        state_sync=[
            {"type": "contact", "action": "add", "contact": contact, "metadata": {"timestamp": "1739321024"}},
            {"type": "contact", "action": "remove", "contact": {"phone_number": "16505551234"}},
            {"type": "brand_new"},
        ],
    )
    assert added == AddressBookEntry(
        phone_number_id="106",
        wa_id="16505551234",
        name="Ada Byron",
        at=datetime(2025, 2, 12, 0, 43, 44, tzinfo=UTC),
        origin="o:0.0.n0",
    )
    assert isinstance(removed, Ignored)
    assert isinstance(odd, AccountReport)
    assert odd.value == {"type": "brand_new"}


@pytest.mark.parametrize("field", ["history", "smb_app_state_sync"])
def test_a_change_without_any_is_kept_whole(field: str) -> None:
    (value,) = parsed(field, odd=1)
    assert isinstance(value, AccountReport)
    assert value.value["odd"] == 1


@settings(max_examples=200)
@given(inner=TREES, other=TREES)
def test_any_past_is_answered(inner: Any, other: Any) -> None:
    for field, value in (
        (
            "history",
            {"metadata": METADATA, "history": [inner, chunk(other, THEIRS | {"history_context": inner})], "messages": [other]},
        ),
        (
            "history",
            {"metadata": METADATA, "history": [{"metadata": inner, "threads": [other, {"id": inner, "messages": [other]}]}]},
        ),
        ("history", {"metadata": METADATA, "history": [{"errors": inner}, {"errors": [other]}]}),
        (
            "smb_app_state_sync",
            {"metadata": METADATA, "state_sync": [inner, {"action": "add", "contact": other, "metadata": inner}]},
        ),
    ):
        check(json.dumps({"entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}).encode())
