"""What the five payloads mean, and which are refused in words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from waystate.broker.letters import read_body
from waystate.dead_letters.model import Pipeline
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected
from waystate.messages.model import Correlation, InboundMessage, OutboundMessage, StatusReport
from waystate.pipeline.items import SendResult
from waystate.pipeline.run import KINDS

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ID = "01957b2e-0000-7000-8000-000000000001"
MINIMAL: dict[str, JsonObject] = {
    "inbound": {"wa_id": "49170", "wamid": "w", "message_text": "Hello", "timestamp": "2026-03-02T11:00:00Z"},
    "outbound": {"conversation_id": "c", "genesys_message_id": "g", "message_text": "Hello"},
    "status": {"wamid": "w", "status": "delivered", "timestamp": "2026-03-02T11:00:00Z"},
    "correlation": {"conversation_id": "c", "communication_id": "d", "whatsapp_message_id": "w"},
    "send_results": {"message_id": ID, "wamid": "w"},
}


def parsed(kind: str, **more: Any) -> Any:
    return KINDS.by_queue[kind].read(MINIMAL[kind] | more, origin="test", received_at=NOW)


def refusal(kind: str, **more: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parsed(kind, **more)
    return caught.value


def test_the_payloads_of_seed_000_are_taken() -> None:
    sent_at = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert parsed("inbound") == InboundMessage(
        wamid="w", phone_number_id="", sent_at=sent_at, wa_id="49170", text="Hello", origin="test"
    )
    assert parsed("outbound") == OutboundMessage(
        genesys_message_id="g", conversation_id="c", sent_at=NOW, text="Hello", origin="test"
    )
    assert parsed("status") == StatusReport(wamid="w", status="delivered", at=sent_at, origin="test")
    assert parsed("correlation") == Correlation(
        conversation_id="c", communication_id="d", whatsapp_message_id="w", origin="test"
    )
    report = StatusReport(wamid="w", message_id=UUID(ID), status="sent", at=NOW, source="external", origin="test")
    assert parsed("send_results") == SendResult(report=report)


def test_fields_nobody_listed_are_kept() -> None:
    assert parsed("inbound", campaign={"id": 7}).metadata == {"campaign": {"id": 7}}
    assert parsed("outbound", agent="a").metadata == {"agent": "a"}


def test_a_message_of_a_group_names_it() -> None:
    item = parsed("inbound", group_id="Y2FwaV9ncm91cDo", further=1)
    assert (item.group_id, item.metadata) == ("Y2FwaV9ncm91cDo", {"group_id": "Y2FwaV9ncm91cDo", "further": 1})
    assert parsed("inbound", group_id="").group_id is None
    assert "group_id" in refusal("inbound", group_id="x" * 513).message


def test_an_error_in_words_becomes_one_with_a_title() -> None:
    found = parsed("send_results", wamid=None, error="no route")
    assert (found.report.status, found.report.error) == ("failed", {"title": "no route"})
    assert parsed("status", error={"code": 131047}).error == {"code": 131047}


def test_times_may_be_unix_seconds_and_an_impossible_one_is_the_time_of_receipt() -> None:
    assert parsed("inbound", timestamp=1772449200).sent_at == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert parsed("inbound", timestamp="yesterday").sent_at == NOW


def test_ids_written_as_numbers_are_texts() -> None:
    assert parsed("inbound", wa_id=49170).wa_id == "49170"


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        ("inbound", {"wamid": ""}, "wamid"),
        ("inbound", {"wamid": None}, "wamid"),
        ("inbound", {"wamid": "w" * 513}, "wamid"),
        ("inbound", {"timestamp": None}, "timestamp"),
        ("inbound", {"wa_id": ""}, "neither wa_id nor user_id"),
        ("inbound", {"message_text": None}, "neither message_text nor media_url"),
        ("inbound", {"content": "text"}, "content"),
        ("outbound", {"message_text": ""}, "neither message_text nor media_url"),
        ("outbound", {"genesys_message_id": None}, "genesys_message_id"),
        ("status", {"status": ""}, "status"),
        ("correlation", {"whatsapp_message_id": ""}, "whatsapp_message_id"),
        ("send_results", {"message_id": "7"}, "message_id"),
        ("send_results", {"error": "both"}, "exactly one"),
        ("send_results", {"wamid": None}, "exactly one"),
    ],
)
def test_a_payload_that_cannot_be_used_is_refused_by_the_field(kind: str, more: JsonObject, field: str) -> None:
    error = refusal(kind, **more)
    assert error.reason is Reason.INVALID_PAYLOAD
    assert field in error.message


def test_the_refusal_never_quotes_the_value() -> None:
    assert "secret" not in refusal("inbound", wamid={"secret": 1}, contact_name=["secret"]).message


def test_an_unknown_status_is_a_state_violation() -> None:
    assert refusal("status", status="excited").reason is Reason.STATE_VIOLATION
    assert parsed("status", status="PLAYED").status == "PLAYED"


@pytest.mark.parametrize(
    "url", ["ftp://files/x", "http://", "https://a b", "nonsense", "https://[::1", "https://x/" + "y" * 4096]
)
def test_a_media_url_that_no_client_could_fetch_is_refused(url: str) -> None:
    assert refusal("inbound", media_url=url).reason is Reason.INVALID_MEDIA_URL


def test_a_message_with_media_alone_has_a_type() -> None:
    found = parsed("inbound", message_text=None, media_url="https://files.example/x.pdf")
    assert (found.type, found.media) == ("document", {"url": "https://files.example/x.pdf"})


def test_a_location_needs_neither_text_nor_media() -> None:
    assert parsed("inbound", message_text=None, type="location").type == "location"


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        read_body(body)


def test_a_dead_letters_payload_tells_its_kind() -> None:
    assert kind_of(Pipeline.STATUS, MINIMAL["status"]) == "status"
    assert kind_of(Pipeline.STATUS, MINIMAL["send_results"]) == "send_results"
    assert kind_of(Pipeline.INBOUND, {}) == "inbound"


def kind_of(pipeline: Pipeline, payload: JsonObject) -> str:
    return KINDS.of_letter(pipeline, payload, is_queued=True).name


@pytest.mark.parametrize("kind", ["status", "send_results"])
@pytest.mark.parametrize("word", ["payment", "call"])
def test_a_status_of_something_else_than_a_message_is_refused_by_name(kind: str, word: str) -> None:
    found = refusal(kind, type=word)
    assert (found.reason, word in found.message) == (Reason.STATE_VIOLATION, True)


@pytest.mark.parametrize("word", [None, "", "message"])
def test_a_status_that_is_said_to_be_a_messages_is_one(word: str | None) -> None:
    assert parsed("status", type=word) == parsed("status")
    assert parsed("send_results", type=word) == parsed("send_results")
