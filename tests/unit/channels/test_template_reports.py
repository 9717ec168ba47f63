"""What WhatsApp says of message templates, read from webhooks and listings."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from waystate.channels.model import Ignored, TemplateReport
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.channels.whatsapp.template_reports import find_listed

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TEMPLATE_KINDS = ["message_template_quality_update", "message_template_status_update", "template_category_update"]
NAMED = {"message_template_id": 12, "message_template_name": "order_confirmation", "message_template_language": "en-US"}


def tell(field: str, **value: Any) -> Any:
    entry = {"id": "102", "time": 1751247548, "changes": [{"field": field, "value": NAMED | value}]}
    (item,) = parse_webhook(json.dumps({"entry": [entry]}).encode(), NOW, "o").items
    assert (item.waba_id, item.phone_number_id) == ("102", None)
    return item.value


def test_corpus_of_template_fields_are_reports(corpus):
    for name, body in corpus.files(*(f"whatsapp/{kind}" for kind in TEMPLATE_KINDS)):
        for item in parse_webhook(body, NOW, "o").items:
            value = item.value
            assert isinstance(value, TemplateReport), (name, value)
            assert value.business_account_id == item.waba_id, name
            assert value.external_id, name
            assert value.status or value.quality or value.category, name
            assert value.at < NOW, name
            assert "-" not in (value.language or ""), name


def test_a_status_is_told_with_its_reason_and_the_time_of_its_entry():
    report = tell("message_template_status_update", event="REJECTED", reason="SCAM", message_template_category="UTILITY")
    assert report == TemplateReport(
        business_account_id="102",
        at=datetime(2025, 6, 30, 1, 39, 8, tzinfo=UTC),
        external_id="12",
        name="order_confirmation",
        language="en_US",
        status="REJECTED",
        reason="SCAM",
        category="UTILITY",
        origin="o:0.0",
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"reason": "NONE"}, None),
        ({"reason": None}, None),
        ({"reason": "NONE", "other_info": {"title": "SECOND_PAUSE", "description": "Paused for 6 hours"}}, None),
        ({"other_info": {"title": "SECOND_PAUSE", "description": "6 hours"}}, "SECOND_PAUSE: 6 hours"),
        ({"reason": "x" * 5000}, "x" * 499 + "…"),
    ],
)
def test_no_reason_is_none_and_a_pause_says_which_it_is(said, reason):
    if reason is None and "other_info" in said:
        reason = "SECOND_PAUSE: Paused for 6 hours"
    assert tell("message_template_status_update", event="PAUSED", **said).reason == reason


def test_a_category_that_is_to_come_is_not_the_one_that_is():
    report = tell("template_category_update", new_category="UTILITY", correct_category="MARKETING")
    assert (report.category, report.status) == ("UTILITY", None)


def test_an_edit_tells_the_texts_it_names():
    buttons = [
        {
            "message_template_button_type": "URL",
            "message_template_button_text": "Track",
            "message_template_button_url": "https://example.test/{{1}}",
        }
    ]
    report = tell("message_template_components_update", message_template_element="Hi {{1}}", message_template_buttons=buttons)
    assert report.texts == {
        "BODY": "Hi {{1}}",
        "BUTTONS": [{"type": "URL", "text": "Track", "url": "https://example.test/{{1}}"}],
    }


@pytest.mark.parametrize(
    "value",
    [
        {"message_template_id": None, "message_template_name": None},
        {"message_template_id": None, "message_template_language": []},
        {"message_template_name": "x" * 513},
        {"message_template_language": "x" * 36},
    ],
)
def test_what_names_no_template_is_ignored(value):
    assert isinstance(tell("message_template_quality_update", new_quality_score="RED", **value), Ignored)


def test_a_template_may_be_named_by_its_id_alone():
    report = tell("message_template_status_update", event="APPROVED", message_template_name=None)
    assert (report.external_id, report.name) == ("12", None)


def test_without_a_business_account_nobody_knows_whose_it_is():
    body = json.dumps({"field": "message_template_status_update", "value": NAMED}).encode()
    (item,) = parse_webhook(body, NOW).items
    assert isinstance(item.value, Ignored)


def test_an_entry_of_a_listing_is_read_whole():
    components = [{"type": "BODY", "text": "Hi"}]
    entry = {
        "id": "12",
        "name": "hello",
        "language": "en_US",
        "status": "APPROVED",
        "category": "UTILITY",
        "quality_score": {"score": "GREEN", "date": 1},
        "rejected_reason": "NONE",
        "parameter_format": "POSITIONAL",
        "components": components,
    }
    assert find_listed(entry, "102", NOW) == TemplateReport(
        business_account_id="102",
        at=NOW,
        external_id="12",
        name="hello",
        language="en_US",
        status="APPROVED",
        category="UTILITY",
        quality="GREEN",
        parameter_format="POSITIONAL",
        components=components,
    )
    assert find_listed({"name": "hello"}, "102", NOW) is None
    assert find_listed("hello", "102", NOW) is None
