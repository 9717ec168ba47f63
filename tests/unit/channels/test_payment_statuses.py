"""Statuses of payments, read from webhooks."""

import json
from datetime import UTC, datetime
from typing import Any

from waystate.channels.model import Ignored, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.model import StatusReport

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PAYMENT = {"reference_id": "order-1", "amount": {"value": 21000, "offset": 100}, "currency": "INR"}
STATUS = {"id": "wamid.A", "status": "Failed", "timestamp": "1790000000", "type": "payment", "payment": PAYMENT}


def parsed(status: Any) -> Value:
    value = {"metadata": {"phone_number_id": "106"}, "statuses": [status]}
    (item,) = parse_webhook(json.dumps({"field": "messages", "value": value}).encode(), NOW, "o").items
    return item.value


def test_a_payments_status_is_of_the_message_that_asked_for_it_by_a_name_of_its_own() -> None:
    assert parsed(STATUS) == StatusReport(
        wamid="wamid.A",
        status="payment_failed",
        at=datetime.fromtimestamp(1790000000, UTC),
        details={"payment": PAYMENT},
        origin="o:0.0.s0",
    )


def test_one_that_names_no_message_or_says_nothing_is_ignored_and_an_odd_one_is_read() -> None:
    assert isinstance(parsed({"type": "payment", "status": "new"}), Ignored)
    assert isinstance(parsed({"type": "payment", "id": "wamid.A"}), Ignored)
    odd = parsed(STATUS | {"payment": "x", "status": "x" * 900})
    assert isinstance(odd, StatusReport)
    assert (odd.status, odd.details) == (f"payment_{'x' * 50}", {"payment": {}})
