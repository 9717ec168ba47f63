"""What the business wrote in WhatsApp's app on a phone, read from webhooks: whom it went to, and what it was."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport, Unusable, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.model import EchoedMessage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
METADATA = {"display_phone_number": "+1 555 078 3881", "phone_number_id": "106"}
ECHO = {"from": "15550783881", "to": "16505551234", "id": "wamid.A", "timestamp": "1750091045", "type": "text"}


def parsed(*echoes: Any, **value: Any) -> list[Value]:
    said = {"metadata": METADATA, "message_echoes": list(echoes)} | value
    body = {"entry": [{"id": "102", "changes": [{"field": "smb_message_echoes", "value": said}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def one(echo: dict[str, Any], **value: Any) -> EchoedMessage:
    (found,) = parsed(ECHO | {"text": {"body": "Come by"}} | echo, **value)
    assert isinstance(found, EchoedMessage)
    return found


def test_corpus_echoes_go_to_the_customer_of_their_contacts(corpus: Any) -> None:
    for name, body in corpus.files("whatsapp/smb_message_echoes"):
        for item in parse_webhook(body, NOW, "o").items:
            value = item.value
            assert isinstance(value, EchoedMessage), name
            assert (value.wa_id, value.user_id, value.contact_name) == (
                "972987654321",
                "US.13491208655302741918",
                "Test Name",
            ), name
            assert value.type in ("edit", "revoke"), name
            assert value.content["original_message_id"] == "wamid.zzzzzz", name


def test_an_echo_says_whom_it_went_to_and_what_it_was() -> None:
    echo = one({"context": {"id": "wamid.0"}})
    assert (echo.wa_id, echo.text, echo.content, echo.metadata) == (
        "16505551234",
        "Come by",
        {"body": "Come by"},
        {"context": {"id": "wamid.0"}},
    )
    assert (echo.phone_number_id, echo.sent_at, echo.origin) == (
        "106",
        datetime(2025, 6, 16, 16, 24, 5, tzinfo=UTC),
        "o:0.0.h0",
    )
    picture = one({"type": "image", "image": {"id": "7", "mime_type": "image/jpeg"}})
    assert (picture.text, picture.media) == ("[image]", {"id": "7", "mime_type": "image/jpeg"})


@pytest.mark.parametrize(
    ("echo", "ids"),
    [
        ({"to": None, "to_user_id": "US.1"}, (None, "US.1")),
        ({"to": "US.1"}, (None, "US.1")),
        ({"to_user_id": "US.1"}, ("16505551234", "US.1")),
        ({"from": "16505551234", "to": "15550783881"}, ("16505551234", None)),
    ],
)
def test_a_customer_is_known_by_phone_or_user_id(echo: dict[str, Any], ids: tuple[str | None, str | None]) -> None:
    found = one(echo)
    assert (found.wa_id, found.user_id) == ids


@pytest.mark.parametrize("echo", [None, {}, {"id": ""}, ECHO | {"to": None}, ECHO | {"to": "120363418770915618@g.us"}])
def test_an_echo_that_is_nobodys_is_unusable_alone(echo: Any) -> None:
    first, second = parsed(echo, ECHO)
    assert isinstance(first, Unusable)
    assert first.payload == echo
    assert isinstance(second, EchoedMessage)


def test_a_change_without_echoes_is_kept_whole() -> None:
    (value,) = parsed()
    assert isinstance(value, AccountReport)
    (odd,) = parsed(message_echoes={"a": 1})
    assert isinstance(odd, AccountReport)
    assert odd.value["message_echoes"] == {"a": 1}


@settings(max_examples=200)
@given(echo=TREES, inner=TREES)
def test_any_echo_is_answered(echo: Any, inner: Any) -> None:
    value = {"metadata": METADATA, "message_echoes": [echo, ECHO | {"type": inner, "text": inner}], "contacts": [inner, echo]}
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "smb_message_echoes", "value": value}]}]}).encode())
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "smb_message_echoes", "value": echo}]}]}).encode())
