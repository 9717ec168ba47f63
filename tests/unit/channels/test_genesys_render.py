from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.unit.channels.genesys_payloads import StructuredResponse
from waystate.channels.attempts import NOT_ALLOWED, FailureKind
from waystate.channels.genesys.render import is_structured_response, render_in_words, render_inbound, render_receipt
from waystate.channels.offers import ChosenOption, Option
from waystate.channels.told import _REASONS, _REASONS_OF_KINDS, told_of
from waystate.channels.whatsapp.errors import NO_DIRECT_SEND, TABLE
from waystate.deliveries.model import NOT_TRIED
from waystate.errors import Reason, Rejected
from waystate.messages.status import OUTCOME_UNKNOWN
from waystate.simulator.genesys_bodies import MessageBody, ReceiptBody

AT = datetime(2026, 11, 20, 12, 0, 1, 234567, tzinfo=UTC)


def inbound(**fields):
    usual = {"contact_id": "c-1", "name": "Ann", "wamid": "wamid.A", "sent_at": AT, "text": "Hi", "attributes": {"waId": "1"}}
    body = render_inbound(**(usual | fields))
    MessageBody.model_validate(body)
    return body


def receipt(**fields):
    usual = {"genesys_message_id": "c327", "contact_id": "c-1", "at": AT, "status": "Failed"}
    body = render_receipt(**(usual | fields))
    ReceiptBody.model_validate(body)
    return body


def reason_of(error):
    return told_of(error).reason


@pytest.mark.parametrize("kind", ["QuickReply", "Button", "ListPicker", "DatePicker"])
def test_a_choice_is_the_documented_response_and_can_be_said_in_words(kind):
    option = Option(kind=kind, line="Yes, please", title="Yes", payload="yes-1")
    said = {"contact_id": "c-1", "name": None, "wamid": "wamid.A", "sent_at": AT, "text": "Yes", "attributes": {}}
    body = render_inbound(**said, answer=ChosenOption(option, "g.1"))
    StructuredResponse.model_validate(body)
    assert (is_structured_response(body), is_structured_response(inbound())) == (True, False)
    told_as = "Button" if kind == "ListPicker" else kind
    chosen = {"type": told_as, "text": "Yes, please", "payload": "yes-1"}
    assert body == {"channel": body["channel"], "buttonResponse": chosen, "originatingMessageId": "g.1"}
    words = render_in_words(body)
    MessageBody.model_validate(words)
    assert words == {"channel": body["channel"], "text": "Yes, please"}
    assert "originatingMessageId" not in render_inbound(**said, answer=ChosenOption(option, None))


def test_inbound_message_is_the_documented_body():
    assert inbound() == {
        "channel": {
            "from": {"id": "c-1", "idType": "Opaque", "nickname": "Ann"},
            "time": "2026-11-20T12:00:01.234Z",
            "messageId": "wamid.A",
            "metadata": {"customAttributes": {"waId": "1"}},
        },
        "text": "Hi",
    }


def test_time_is_utc_wherever_it_was_measured():
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert inbound(sent_at=local)["channel"]["time"] == "2026-11-20T12:00:01.234Z"


def test_unknown_name_and_empty_attributes_are_left_out():
    assert inbound(name=None, attributes={})["channel"] == {
        "from": {"id": "c-1", "idType": "Opaque"},
        "time": "2026-11-20T12:00:01.234Z",
        "messageId": "wamid.A",
    }


def test_same_message_renders_to_the_same_body_so_that_a_repeat_is_recognised():
    assert inbound() == inbound()


def test_message_without_text_is_rejected():
    with pytest.raises(Rejected):
        inbound(text="")


def test_delivered_receipt_has_no_reasons():
    assert receipt(status="Delivered") == {
        "id": "c327",
        "channel": {"to": {"id": "c-1", "idType": "Opaque"}, "time": "2026-11-20T12:00:01.234Z"},
        "status": "Delivered",
        "isFinalReceipt": True,
        "direction": "Outbound",
    }


ACCEPTED = {
    *("MessageExpired", "RateLimited", "MessageNotAllowed", "GeneralError", "UnsupportedMessage", "UnknownMessage"),
    *("InvalidMessageStructure", "InvalidDestination", "ServerError", "MediaTypeNotAllowed", "InvalidMediaContentLength"),
    *("RecipientOptedOut", "DataFiltered"),
}
"""What Genesys takes as the code of a receipt's reason (SDK, OpenInboundNormalizedReceipt)."""
OF_KINDS = {
    FailureKind.AUTH: {"MessageNotAllowed"},
    FailureKind.ACCOUNT: {"MessageNotAllowed"},
    FailureKind.BILLING: {"MessageNotAllowed"},
    FailureKind.THROTTLE: {"RateLimited"},
    FailureKind.TRANSIENT: {"ServerError"},
    FailureKind.WINDOW: {"MessageExpired"},
    FailureKind.RECIPIENT: {"InvalidDestination", "MessageNotAllowed", "RateLimited"},
    FailureKind.OPT_OUT: {"RecipientOptedOut"},
    FailureKind.OWNER: {"MessageNotAllowed"},
    FailureKind.TEMPLATE: {"InvalidMessageStructure", "MessageNotAllowed", "RateLimited"},
    FailureKind.REQUEST: {"InvalidMessageStructure", "UnsupportedMessage", "MediaTypeNotAllowed", "MessageNotAllowed"},
}
"""The reasons that fit what a code means."""
OURS = [
    *Reason,
    *NOT_TRIED,
    OUTCOME_UNKNOWN,
    NOT_ALLOWED,
    "not_connected",
    "answer_lost",
    "unsendable_request",
    "internal_error",
]


@pytest.mark.parametrize("rule", TABLE)
def test_every_code_of_whatsapp_has_a_reason_that_fits_whether_it_came_as_answer_or_as_status(rule):
    for code in rule.codes:
        for error in ({"code": code}, {"code": str(code)}, {"code": code, "kind": rule.kind.value}):
            assert reason_of(error) in OF_KINDS[rule.kind] & ACCEPTED, error


def test_every_code_of_ours_has_a_reason_of_its_own():
    assert {code for code in OURS if str(code) not in _REASONS} == set()
    assert {reason_of({"code": code}) for code in OURS} <= ACCEPTED


def test_no_reason_is_given_that_genesys_would_refuse():
    whatsapps = {rule.reason for rule in (*TABLE, NO_DIRECT_SEND)}
    assert {*_REASONS.values(), *_REASONS_OF_KINDS.values()} | whatsapps <= ACCEPTED


@pytest.mark.parametrize("rule", [*TABLE, NO_DIRECT_SEND])
def test_every_sentence_says_what_to_do_in_few_words(rule):
    said, remedy = rule.says.split(". ", 1) if ". " in rule.says else rule.says.split("; ", 1)
    assert said.startswith(("Not delivered: ", "Not done: ", "The conversation is handled", "The call is handled"))
    assert remedy.endswith(".")
    assert len(rule.says) <= 200


@pytest.mark.parametrize("kind", FailureKind)
def test_a_code_that_nobody_knows_goes_by_the_kind_of_the_answer(kind):
    general = {FailureKind.WINDOW, FailureKind.RECIPIENT, FailureKind.TEMPLATE, FailureKind.REQUEST}
    general |= {FailureKind.OPT_OUT, FailureKind.OWNER}
    fitting = {"GeneralError"} if kind in general else OF_KINDS.get(kind, {"ServerError"})
    assert reason_of({"code": 424242, "kind": kind.value}) in fitting


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (131048, "RateLimited"),
        (131051, "UnsupportedMessage"),
        (131049, "MessageNotAllowed"),
        (131042, "MessageNotAllowed"),
        (131000, "ServerError"),
        (131008, "InvalidMessageStructure"),
        (132001, "InvalidMessageStructure"),
        (131021, "InvalidDestination"),
        (131070, "MessageNotAllowed"),
        ("recipient_moved", "InvalidDestination"),
        ("account_missing", "MessageNotAllowed"),
        (131047, "MessageExpired"),
        ("131047", "MessageExpired"),
        ("window_closed", "MessageExpired"),
        (131056, "RateLimited"),
        (130429, "RateLimited"),
        (131026, "InvalidDestination"),
        (131050, "RecipientOptedOut"),
        (131053, "MediaTypeNotAllowed"),
        ("mapping_status_closed", "MessageNotAllowed"),
        ("mapping_status_expired", "MessageNotAllowed"),
        ("outcome_unknown", "GeneralError"),
        (999, "GeneralError"),
        (None, "GeneralError"),
        ([], "GeneralError"),
    ],
)
def test_failed_receipt_says_why_in_genesys_words(code, reason):
    (said,) = receipt(told=told_of({"code": code, "message": "Because."}))["reasons"]
    assert said["code"] == reason


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (None, "The message could not be delivered."),
        ({"code": 424242, "title": "Title"}, "Title"),
        ({"code": 424242, "message": "M", "details": "Details."}, "Details."),
        ({"code": 424242, "title": "t", "error_data": {"details": "It was too much."}}, "It was too much."),
        ({"code": "window_closed", "title": "The window is closed."}, "The window is closed."),
        ({"code": "outcome_unknown"}, "outcome_unknown"),
    ],
)
def test_of_what_is_not_in_the_table_the_agent_reads_the_most_telling_text(error, message):
    assert receipt(told=told_of(error))["reasons"][0]["message"] == message


def test_the_agent_reads_the_tables_sentence_with_whatsapps_code():
    said = told_of({"code": 131047, "title": "t", "error_data": {"details": "24 hours have passed."}}).text
    assert said == (
        "Not delivered: the customer's last message is more than 24 hours old. Send an approved template, or wait until they "
        "write. (WhatsApp 131047)"
    )


def test_of_a_message_that_must_change_the_agent_reads_whatsapps_details_too():
    said = told_of({"code": 132000, "details": "body: number of parameters (1) does not match (2)"}).text
    assert said.endswith("(WhatsApp 132000: body: number of parameters (1) does not match (2))")
