"""Copies for a responder that does not lead the thread: the record whole, and a sign of each customer who wrote."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.model import StandbyMessage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
METADATA = {"display_phone_number": "15550783881", "phone_number_id": "106"}
TEXT = {"id": "wamid.A", "timestamp": "1790000000", "type": "text", "text": {"body": "Hello"}}


def parsed(standby: Any) -> list[Value]:
    value = {"metadata": METADATA, "standby": standby}
    body = {"entry": [{"id": "102", "changes": [{"field": "standby", "value": value}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def test_a_customers_message_is_a_sign_beside_the_record() -> None:
    contact = {"wa_id": "16505551234", "user_id": "US.13491208655302741918", "profile": {"name": "Ada"}}
    record, copy = parsed({"contacts": [contact], "messages": [{"from": "16505551234"} | TEXT]})
    assert isinstance(record, AccountReport)
    assert record.value["standby"]["messages"][0]["text"] == {"body": "Hello"}
    assert copy == StandbyMessage(
        wamid="wamid.A",
        phone_number_id="106",
        sent_at=datetime.fromtimestamp(1790000000, UTC),
        wa_id="16505551234",
        user_id="US.13491208655302741918",
        contact_name="Ada",
        origin="o:0.0.m0",
    )


@pytest.mark.parametrize(
    "standby",
    [
        {},
        None,
        {"message_echoes": [{"id": "wamid.E", "message": {"to": "16505551234", "type": "text"}}]},
        {"statuses": [{"id": "wamid.E", "status": "read", "recipient_id": "16505551234"}]},
        {"messages": [{"from": "16505551234", "group_id": "Y2FwaV9ncm91cDo"} | TEXT]},
        {"messages": [TEXT, {"from": "16505551234"}, None]},
    ],
    ids=["empty", "null", "echo", "status", "group", "of nobody, without id, nothing"],
)
def test_the_rest_is_the_record_alone(standby: Any) -> None:
    assert [type(each) for each in parsed(standby)] == [AccountReport]


@given(TREES)
@settings(max_examples=200)
def test_whatever_a_copy_is_it_is_read(tree: Any) -> None:
    for standby in (tree, {"messages": [{"from": "16505551234"} | TEXT | {"type": tree}, tree], "contacts": [tree]}):
        value = {"metadata": METADATA, "standby": standby}
        check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "standby", "value": value}]}]}).encode())
