"""Voice calls, read from webhooks: each is on the timeline, and an item where it names a customer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.call import is_sign
from waystate.messages.model import CallReport

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
METADATA = {"display_phone_number": "15550783881", "phone_number_id": "106"}
CALL = {"id": "wacid.A", "from": "16505551234", "to": "15550783881", "event": "connect", "timestamp": "1750091045"}


def parsed(*calls: Any, **value: Any) -> list[Value]:
    whole = {"metadata": METADATA} | ({"calls": list(calls)} if calls else {}) | value
    body = {"entry": [{"id": "102", "changes": [{"field": "calls", "value": whole}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def test_corpus_calls_are_told_of_their_customers(corpus: Any) -> None:
    found = set()
    for name, body in corpus.files("whatsapp/calls"):
        values = [item.value for item in parse_webhook(body, NOW, "o").items]
        (call,) = [each for each in values if isinstance(each, CallReport)]
        assert isinstance(values[0], AccountReport), name
        found.add((call.event, call.is_by_customer, call.wa_id, is_sign(call)))
    assert found == {
        ("call_transcription_available", True, "16505551234", False),
        ("call_recording_available", True, "16505551234", False),
        ("ringing", False, "163155536021", False),
        ("terminate", False, "16315553601", True),
    }


@pytest.mark.parametrize(
    ("said", "is_by_customer", "counts", "sentence"),
    [
        ({}, True, True, "A customer's call to the number began."),
        ({"direction": "USER_INITIATED", "event": "terminate", "status": ["FAILED"]}, True, True, "number ended, failed."),
        ({"direction": "BUSINESS_INITIATED"}, False, False, "The business's call to a customer began."),
        ({"direction": "BUSINESS_INITIATED", "event": "terminate", "status": "FAILED"}, False, False, "ended, failed."),
        (
            {"direction": "BUSINESS_INITIATED", "event": "terminate", "status": "COMPLETED", "duration": 12},
            False,
            True,
            "ended, completed, after 12 s.",
        ),
    ],
)
def test_a_call_says_who_called_and_whether_it_counts_as_a_sign(
    said: dict[str, Any], is_by_customer: bool, counts: bool, sentence: str
) -> None:
    report, call = parsed(CALL | ({} if is_by_customer else {"from": "15550783881", "to": "16505551234"}) | said)
    assert isinstance(report, AccountReport)
    assert report.sentence.endswith(sentence)
    assert isinstance(call, CallReport)
    assert (call.is_by_customer, call.wa_id, is_sign(call)) == (is_by_customer, "16505551234", counts)


def test_a_status_is_of_the_business_own_call() -> None:
    status = {"id": "wacid.A", "type": "call", "status": "ACCEPTED", "timestamp": "1750091045", "recipient_id": "16505551234"}
    report, call = parsed(statuses=[status])
    assert isinstance(report, AccountReport)
    assert report.sentence == "The business's call to a customer is accepted."
    assert isinstance(call, CallReport)
    assert (call.event, call.is_by_customer, is_sign(call)) == ("accepted", False, True)


def test_a_call_of_nobody_named_is_on_the_timeline_alone() -> None:
    (report,) = parsed(CALL | {"from": None})
    assert isinstance(report, AccountReport)
    (error,) = parsed(errors=[{"code": 138000, "message": "Not enabled"}])
    assert isinstance(error, AccountReport)
    assert error.sentence == "WhatsApp reports an error of a call: Not enabled."


@settings(max_examples=200)
@given(said=TREES, inner=TREES)
def test_any_call_is_answered(said: Any, inner: Any) -> None:
    value = {
        "metadata": METADATA,
        "calls": [said, CALL | {"status": inner, "duration": inner, "direction": said}],
        "statuses": [inner, said],
        "contacts": [inner],
        "errors": [said],
    }
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "calls", "value": value}]}]}).encode())
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "calls", "value": said}]}]}).encode())
