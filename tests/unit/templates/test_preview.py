"""A template message as the customer will see it."""

import json
from typing import Any

import pytest

from tests.unit.templates.definitions import (
    CAROUSEL,
    IMAGE,
    QUICK,
    URL,
    body,
    button,
    buttons,
    carousel,
    header,
    sent,
    template,
    text,
    whole_card,
)
from waystate.errors import Unprocessable
from waystate.templates.bodies import TemplatePreviewRequest
from waystate.templates.preview import preview
from waystate.web.problems import parse_body


def test_parameters_stand_where_the_customer_reads_them():
    known = template(header("For {{1}}"), body("{{2}} and {{1}}"), {"type": "FOOTER", "text": "Bye"}, buttons(QUICK, URL))
    money = {"type": "currency", "currency": {"fallback_value": "$5", "code": "USD", "amount_1000": 5000}}
    shown = preview(known, [sent("header", text()), sent("body", text("Ada"), money), button("url", "1", text("o/7"))])
    assert shown == {
        "header": {"type": "text", "text": "For Ada"},
        "body": "$5 and Ada",
        "footer": "Bye",
        "buttons": [
            {"type": "quick_reply", "text": "Stop"},
            {"type": "url", "text": "Track", "url": "https://example.test/o/7"},
        ],
    }


def test_names_tell_parameters_apart_in_any_order():
    known = template(body("{{order}} of {{who}}"), parameter_format="NAMED")
    when = {"type": "date_time", "parameter_name": "order", "date_time": {"fallback_value": "May 1"}}
    assert preview(known, [sent("body", text("Ada", "who"), when)])["body"] == "May 1 of Ada"


def test_a_value_that_looks_like_a_variable_is_not_filled_in_again():
    assert preview(template(body("{{1}} {{2}}")), [sent("body", text("{{2}}"), text("b"))])["body"] == "{{2}} b"


def test_without_parameters_the_variables_are_shown():
    known = template(header(format="IMAGE"), body("Hi {{1}}"))
    assert preview(known, None) == {
        "header": {"type": "image", "image": None},
        "body": "Hi {{1}}",
        "footer": None,
        "buttons": [],
    }


def test_each_card_is_shown_with_its_own_values():
    shown = preview(CAROUSEL, [sent("body", text()), carousel(whole_card(0), whole_card(1))])
    assert shown["body"] == "Our offers, Ada"
    assert [each["body"] for each in shown["cards"]] == ["00% off", "10% off"]
    assert shown["cards"][1]["header"] == IMAGE
    assert shown["cards"][1]["buttons"][1]["url"] == "https://example.test/o1"


def test_a_payload_a_code_and_the_end_of_an_offer_are_shown():
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Expiring!", "has_expiration": True}}
    known = template(body("Hi"), offer, buttons({"type": "COPY_CODE", "text": "Copy"}, QUICK))
    ends = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 7}}
    shown = preview(
        known,
        [
            sent("limited_time_offer", ends),
            button("copy_code", 0, {"type": "coupon_code", "coupon_code": "SAVE"}),
            button("quick_reply", "1", {"type": "payload", "payload": "STOP"}),
        ],
    )
    assert shown["offer"] == {"text": "Expiring!", "expirationTimeMs": 7}
    assert [each.get("code") or each.get("payload") for each in shown["buttons"]] == ["SAVE", "STOP"]


IN_BOTH_SPELLINGS = [
    ({"type": "text", "parameter_name": "who", "text": "Ada"}, {"type": "text", "parameterName": "who", "text": "Ada"}),
    (
        {"type": "currency", "currency": {"fallback_value": "$5", "code": "USD", "amount_1000": 5000}},
        {"type": "currency", "currency": {"fallbackValue": "$5", "code": "USD", "amount1000": 5000}},
    ),
    ({"type": "coupon_code", "coupon_code": "A-7"}, {"type": "coupon_code", "couponCode": "A-7"}),
]


@pytest.mark.parametrize(("whatsapps", "ours"), IN_BOTH_SPELLINGS)
def test_components_are_taken_in_both_spellings(whatsapps: dict[str, Any], ours: dict[str, Any]) -> None:
    def asked(parameter: dict[str, Any], sub_type: str, index: str) -> list[dict[str, Any]]:
        cards = [{index: 0, "components": [{"type": "button", sub_type: "url", "index": 0, "parameters": [parameter]}]}]
        return [{"type": "body", "parameters": [parameter]}, {"type": "carousel", "cards": cards}]

    read = TemplatePreviewRequest.model_validate({"components": asked(ours, "subType", "cardIndex")})
    assert read.components == asked(whatsapps, "sub_type", "card_index")
    assert TemplatePreviewRequest.model_validate({"components": read.components}) == read


def test_components_that_spell_one_field_twice_are_refused() -> None:
    twice = {"type": "button", "sub_type": "url", "subType": "url", "index": 0}
    with pytest.raises(Unprocessable) as caught:
        parse_body(TemplatePreviewRequest, json.dumps({"components": [twice]}).encode())
    said = "is not taken beside `subType`, which says the same; send one of the two"
    assert caught.value.extra["errors"] == [{"field": "components.0.sub_type", "problem": said}]


def test_what_a_form_begins_with_keeps_its_own_names() -> None:
    def begins(token: str, data: str) -> list[dict[str, Any]]:
        return [{"type": "button", "parameters": [{"type": "action", "action": {token: "a", data: {"cardIndex": 1}}}]}]

    read = TemplatePreviewRequest.model_validate({"components": begins("flowToken", "flowActionData")})
    assert read.components == begins("flow_token", "flow_action_data")
