"""What a dead letter's payload must say before it can be replayed, for each kind and pipeline."""

from typing import Any

import pytest

from tests.world import START
from waystate.channels.model import AccountReport, TemplateReport
from waystate.dead_letters.model import PayloadUnusable, Pipeline
from waystate.deliveries.model import RefusedDelivery
from waystate.errors import Reason, Rejected
from waystate.ids import new_id
from waystate.messages.model import (
    AddressBookEntry,
    CallReport,
    Correlation,
    EchoedMessage,
    InboundMessage,
    OutboundMessage,
    PastMessage,
    StandbyMessage,
    StatusReport,
)
from waystate.pipeline import items
from waystate.pipeline.items import SendResult
from waystate.pipeline.run import KINDS
from waystate.preferences.model import PreferenceReport

AT = "2026-03-02T12:00:00Z"
GOOD: dict[Pipeline, dict[str, Any]] = {
    Pipeline.INBOUND: {"wamid": "w", "phone_number_id": "1", "wa_id": "49", "sent_at": AT},
    Pipeline.OUTBOUND: {"genesys_message_id": "g", "conversation_id": "c", "sent_at": AT},
    Pipeline.STATUS: {"wamid": "w", "status": "read", "at": AT},
    Pipeline.CORRELATION: {"conversation_id": "c", "whatsapp_message_id": "w"},
    Pipeline.DELIVERIES: {"message_id": str(new_id()), "target": "genesys", "request": {}},
    Pipeline.ECHOES: {"wamid": "w", "phone_number_id": "1", "wa_id": "49", "sent_at": AT},
    Pipeline.HISTORY: {
        "wamid": "w",
        "phone_number_id": "1",
        "wa_id": "49",
        "direction": "inbound",
        "status": "processed",
        "sent_at": AT,
    },
    Pipeline.ADDRESS_BOOK: {"phone_number_id": "1", "wa_id": "49", "name": "Ada", "at": AT},
    Pipeline.PREFERENCES: {"phone_number_id": "1", "wa_id": "49", "marketing": "opted_out", "at": AT},
    Pipeline.CALLS: {"call_id": "c", "phone_number_id": "1", "event": "connect", "wa_id": "49", "at": AT},
    Pipeline.STANDBY: {"wamid": "w", "phone_number_id": "1", "wa_id": "49", "sent_at": AT},
    Pipeline.ACCOUNT: {"field": "security", "sentence": "Look.", "digest": "d", "at": AT},
    Pipeline.TEMPLATES: {"business_account_id": "1", "external_id": "12", "at": AT},
}
TYPES = {
    Pipeline.INBOUND: InboundMessage,
    Pipeline.OUTBOUND: OutboundMessage,
    Pipeline.STATUS: StatusReport,
    Pipeline.CORRELATION: Correlation,
    Pipeline.DELIVERIES: RefusedDelivery,
    Pipeline.ECHOES: EchoedMessage,
    Pipeline.HISTORY: PastMessage,
    Pipeline.ADDRESS_BOOK: AddressBookEntry,
    Pipeline.PREFERENCES: PreferenceReport,
    Pipeline.CALLS: CallReport,
    Pipeline.STANDBY: StandbyMessage,
    Pipeline.ACCOUNT: AccountReport,
    Pipeline.TEMPLATES: TemplateReport,
}


def parse(pipeline: Pipeline, payload: dict[str, Any], origin: str = "ledger:1:0") -> Any:
    return KINDS.read_letter(pipeline, payload, origin=origin, received_at=START)


def check_edit(pipeline: Pipeline, original: dict[str, Any], edited: dict[str, Any]) -> None:
    items.check_edit(KINDS.of_letter(pipeline, original, is_queued=False), original, edited)


def fields_of(pipeline: Pipeline, payload: dict[str, Any], origin: str = "ledger:1:0") -> set[str]:
    with pytest.raises(PayloadUnusable) as refusal:
        parse(pipeline, payload, origin)
    assert refusal.value.reason is Reason.INVALID_PAYLOAD
    return {each["field"] for each in refusal.value.problems}


@pytest.mark.parametrize("pipeline", Pipeline)
def test_a_webhooks_item_is_read_back_and_every_missing_field_is_named(pipeline: Pipeline) -> None:
    good = GOOD[pipeline]
    assert isinstance(parse(pipeline, good), TYPES[pipeline])
    for name in good:
        named = fields_of(pipeline, {key: value for key, value in good.items() if key != name})
        assert any(name in field for field in named), (name, named)


@pytest.mark.parametrize(
    ("pipeline", "changed", "field"),
    [
        (Pipeline.INBOUND, {"wamid": ""}, "wamid"),
        (Pipeline.INBOUND, {"wa_id": None}, "wa_id or user_id"),
        (Pipeline.INBOUND, {"sent_at": "2026-03-02T12:00:00"}, "sent_at"),
        (Pipeline.INBOUND, {"wa_id": "4" * 513}, "wa_id"),
        (Pipeline.INBOUND, {"content": []}, "content"),
        (Pipeline.OUTBOUND, {"conversation_id": None, "recipient_id": ""}, "conversation_id or recipient_id"),
        (Pipeline.STATUS, {"status": ""}, "status"),
        (Pipeline.DELIVERIES, {"target": "fax"}, "target"),
    ],
)
def test_what_the_types_do_not_say_is_checked(pipeline: Pipeline, changed: dict[str, Any], field: str) -> None:
    assert fields_of(pipeline, GOOD[pipeline] | changed) == {field}


def test_a_queues_message_is_read_as_its_queue_reads_it() -> None:
    status = parse(Pipeline.STATUS, {"wamid": "w", "status": "read", "timestamp": AT}, "queue:statuses:1")
    assert isinstance(status, StatusReport)
    assert status.origin == "queue:statuses:1"
    result = parse(Pipeline.STATUS, {"message_id": str(new_id()), "wamid": "w"}, "queue:results:1")
    assert isinstance(result, SendResult)
    assert result.report.at == START, "the time it came, where it tells none"
    assert fields_of(Pipeline.OUTBOUND, {"genesys_message_id": "g", "message_text": "x"}, "queue:out:1") == {"conversation_id"}
    with pytest.raises(Rejected) as refusal:
        parse(Pipeline.STATUS, {"wamid": "w", "status": "lost", "timestamp": AT}, "queue:statuses:1")
    assert refusal.value.reason is Reason.STATE_VIOLATION


def test_no_problem_quotes_a_value() -> None:
    with pytest.raises(PayloadUnusable) as refusal:
        parse(Pipeline.INBOUND, {"wamid": ["+491700000001"], "sent_at": "+491700000001"})
    assert "491700000001" not in refusal.value.message
    assert "491700000001" not in str(refusal.value.problems)


def test_what_genesys_tells_a_repeat_by_cannot_be_edited() -> None:
    original = GOOD[Pipeline.DELIVERIES] | {"request": {"channel": {"messageId": "w", "time": AT}, "text": "a"}}
    check_edit(Pipeline.DELIVERIES, original, original | {"request": original["request"] | {"text": "b"}})
    check_edit(Pipeline.INBOUND, GOOD[Pipeline.INBOUND], {})
    for changed in ({"target": "whatsapp"}, {"message_id": str(new_id())}, {"request": {"channel": {"messageId": "w"}}}):
        with pytest.raises(PayloadUnusable):
            check_edit(Pipeline.DELIVERIES, original, original | changed)
