"""A template message that WhatsApp would refuse is refused before it is sent, in words that say what to do."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.templates.definitions import (
    CAROUSEL,
    IMAGE,
    OTP,
    QUICK,
    URL,
    body,
    button,
    buttons,
    card,
    carousel,
    header,
    sent,
    template,
    text,
    whole_card,
)
from waystate.templates.check import check, explain_unknown
from waystate.templates.model import Template

CURRENCY = {"type": "currency", "currency": {"fallback_value": "$100.99", "code": "USD", "amount_1000": 100990}}
DATE = {"type": "date_time", "date_time": {"fallback_value": "February 25, 1977"}}
LOCATION = {"type": "location", "location": {"latitude": "52.5", "longitude": 13.4, "name": "HQ", "address": "1 Way"}}
CODE = template(
    {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": True},
    {"type": "FOOTER", "text": "This code expires in 10 minutes.", "code_expiration_minutes": 10},
    buttons(OTP),
    category="AUTHENTICATION",
)
OFFER = template(
    body("Hi"),
    {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Expiring!", "has_expiration": True}},
    buttons({"type": "COPY_CODE", "text": "Copy"}, URL),
)
ENDS = sent("limited_time_offer", {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1772452800000}})
COUPON = button("copy_code", 0, {"type": "coupon_code", "coupon_code": "SAVE20"})
NAMED = template(header("For {{who}}"), body("{{order}} of {{who}}"), parameter_format="NAMED")
MPM = {"type": "MPM", "text": "View items"}
FLOW = {"type": "FLOW", "text": "Sign up", "flow_id": "1"}

GOOD: list[tuple[Template, Any]] = [
    (template(body("Hello")), None),
    (template(body("Hello")), []),
    (template(body("Hello")), [sent("body")]),
    (template(header("Sale"), body("Hello"), {"type": "FOOTER", "text": "Bye"}), []),
    (template(body("{{1}} and {{2}} and {{1}}")), [sent("body", text(), text())]),
    (template(body("{{1}} {{2}} {{3}}")), [sent("BODY", text(), CURRENCY, DATE)]),
    (template(header("For {{1}}"), body("{{1}}")), [sent("header", text()), sent("body", text())]),
    (NAMED, [sent("header", text("Ada", "who")), sent("body", text("Ada", "who"), text("A-7", "order"))]),
    (template(body("{{who}}"), parameter_format=None), [sent("body", text("Ada", "who"))]),
    (template(header(format="IMAGE"), body("Hi")), [sent("header", IMAGE)]),
    (template(header(format="LOCATION"), body("Hi")), [sent("header", LOCATION)]),
    (
        template(header(format="DOCUMENT"), body("Hi")),
        [sent("header", {"type": "document", "document": {"link": "https://a"}})],
    ),
    (template(body("Hi"), buttons(QUICK, URL)), [button("url", "1", text("o/7"))]),
    (template(body("Hi"), buttons(QUICK)), [button("quick_reply", 0, {"type": "payload", "payload": "STOP"})]),
    (template(body("Hi"), buttons({"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+49"})), []),
    (template(body("Hi"), buttons({"type": "CATALOG", "text": "View"})), []),
    (template(body("Hi"), buttons(FLOW)), [button("flow", "0", {"type": "action", "action": {"flow_token": "t"}})]),
    (template(body("Hi"), buttons(MPM)), [button("mpm", 0, {"type": "action", "action": {"sections": [{"title": "a"}]}})]),
    (CODE, [sent("body", text("J$FpnYnP")), button("url", "0", text("J$FpnYnP"))]),
    (template({"type": "BODY"}, buttons({"type": "OTP"}), category="AUTHENTICATION"), [button("url", "0", text("1234"))]),
    (OFFER, [ENDS, COUPON, button("url", 1, text("x"))]),
    (CAROUSEL, [sent("body", text()), carousel(whole_card(1), whole_card(0))]),
    # What came later than this release is for WhatsApp to judge.
    (template(body("{{1}}")), [sent("body", {"type": "hologram", "hologram": {}})]),
    (template(header(format="HOLOGRAM"), body("Hi")), [sent("header", {"type": "hologram"})]),
    (template(body("Hi"), buttons({"type": "HOLOGRAM", "text": "Look"})), [button("hologram", 0, {"type": "hologram"})]),
    (template(body("Hi"), status="SHINY"), []),
    (template(body("Hi"), status=None), []),
    (template(body("Hi"), status="FLAGGED"), []),
    (template(components=None), [sent("body", text())]),
]
BAD: list[tuple[Template, Any, str]] = [
    (template(body("{{1}} {{2}}")), [sent("body", text())], "Body: 2 parameters are needed ({{1}}, {{2}}), 1 is given."),
    (template(body("{{1}}")), None, "Body: 1 parameter is needed ({{1}}), 0 are given."),
    (template(body("{{1}}")), [sent("body", text(), text())], "Body: 1 parameter is needed ({{1}}), 2 are given."),
    (template(body("Hi")), [sent("body", text())], "Body: it has no variables, and 1 parameter is given"),
    (template(body("{{1}}")), [sent("body", IMAGE)], "currency or date_time or text is needed, and one of type image is given"),
    (template(body("{{1}}")), [sent("body", {})], "each parameter is an object with a `type`"),
    (template(body("{{1}}")), ["body"], "Each of `components` is an object"),
    (template(body("{{1}}")), [sent("body", text(" \u200b"))], "Body, {{1}}: its `text` is empty"),
    (template(body("{{1}}")), [sent("body", text("a\nb"))], "no line breaks"),
    (template(body("{{1}}")), [sent("body", text("a     b"))], "no more than 4 spaces"),
    (template(body("{{1}}"), buttons(QUICK)), [sent("body", text("x" * 1025))], "1,025 characters, and WhatsApp takes 1,024"),
    (template(body("{{1}}")), [sent("body", text("x" * 32769))], "WhatsApp takes 32,768"),
    (template(header("{{1}}"), body("a")), [sent("header", text("x" * 61))], "Header: with its parameters it has 61"),
    (template(body("{{1}}")), [sent("body", text())] * 2, "Body: it is given 2 times"),
    (
        template(body("{{1}}")),
        [sent("body", {"type": "currency", "currency": {"code": "USD"}})],
        "lacks fallbackValue, amount1000",
    ),
    (template(body("{{1}}")), [sent("body", {"type": "date_time"})], "lacks its `fallbackValue`"),
    (NAMED, [sent("header", text("Ada", "who")), sent("body", text(), text())], "needs its `parameterName` (order, who)"),
    (NAMED, [sent("header", text("Ada", "who")), sent("body", text("a", "who"))], "Body: no parameter is given for order."),
    (NAMED, [sent("header", text("Ada", "WHO")), sent("body")], "Header: it has no variable WHO; it has who."),
    (
        template(body("{{a}}"), parameter_format="NAMED"),
        [sent("body", text("a", "a"), text("a", "a"))],
        "a `parameterName` is given twice",
    ),
    (template(header(format="IMAGE"), body("Hi")), [], "Header: one parameter of type image is needed"),
    (
        template(header(format="VIDEO"), body("Hi")),
        [sent("header", IMAGE)],
        "Header: a parameter of type video is needed, and one of type image",
    ),
    (template(header(format="IMAGE"), body("Hi")), [sent("header", {"type": "image"})], 'the image needs {"id"} or {"link"}'),
    (
        template(header(format="LOCATION"), body("Hi")),
        [sent("header", {"type": "location", "location": {"latitude": 1}})],
        'the location needs {"latitude", "longitude"',
    ),
    (template(body("Hi")), [sent("header", IMAGE)], "Header: the template has no header"),
    (template(body("Hi")), [sent("footer", text())], "Footer: it takes no parameters"),
    (template(body("Hi"), buttons(QUICK, URL)), [], "Button 2 ('Track'): the end of its address is needed"),
    (template(body("Hi"), buttons(URL)), [button("quick_reply", 0, text())], "its `subType` is url, not 'quick_reply'"),
    (template(body("Hi"), buttons(URL)), [button("url", 0, IMAGE)], "type text is needed, and one of type image"),
    (template(body("Hi"), buttons(URL)), [button("url", 0, text(""))], "the end of its address is needed"),
    (template(body("Hi"), buttons(URL)), [button("url", 0, text("x" * 2001))], "over 2,000 characters"),
    (template(body("Hi"), buttons(URL)), [button("url", 0, text()), button("url", "0", text())], "Button 1: it is given twice"),
    (
        template(body("Hi"), buttons({"type": "URL", "text": "Home", "url": "https://a"})),
        [button("url", 0, text())],
        "it takes no",
    ),
    (template(body("Hi"), buttons(QUICK)), [button("quick_reply", 1, text())], "Button 2: there is none at this `index`"),
    (template(body("Hi"), buttons(QUICK)), [button("quick_reply", None, text())], "Button: there is none at this `index`"),
    (template(body("Hi")), [button("quick_reply", 0, text())], "Button 1: the template has no buttons"),
    (template(body("Hi"), buttons(QUICK)), [button("quick_reply", 0, {"type": "payload"})], "its `payload` is empty"),
    (
        template(body("Hi"), buttons(QUICK)),
        [button("quick_reply", 0, {"type": "payload", "payload": "x" * 257})],
        "257 characters, and WhatsApp takes 256",
    ),
    (template(body("Hi"), buttons(URL)), [button("url", 0, text(), text())], "takes one parameter, and 2 are given"),
    (template(body("Hi"), buttons(FLOW)), [button("flow", 0, {"type": "action"})], "no `action` object"),
    (template(body("Hi"), buttons(MPM)), [], "the products are needed"),
    (template(body("Hi"), buttons(MPM)), [button("mpm", 0, {"type": "action", "action": {}})], "needs `sections`"),
    (CODE, [sent("body", text("1234"))], "Button 1 ('Copy code'): the code is needed here too"),
    (CODE, [sent("body", text("1234")), button("url", 0, text("1235"))], "another than that of the body"),
    (template(body("{{1}} is your code"), category="AUTHENTICATION"), [sent("body", text("1" * 16))], "at most 15 characters"),
    (CODE, [sent("body", text("1" * 16)), button("url", 0, text("1" * 16))], "a code has at most 15 characters"),
    (OFFER, [COUPON, button("url", 1, text("x"))], "Limited-time offer: one parameter of type limited_time_offer is needed"),
    (OFFER, [ENDS, button("url", 1, text("x"))], "the code to copy is needed"),
    (
        OFFER,
        [
            sent(
                "limited_time_offer", {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1772452800}}
            ),
            COUPON,
            button("url", 1, text("x")),
        ],
        "is in milliseconds, not in seconds",
    ),
    (template(body("Hi")), [ENDS], "Limited-time offer: the template has none"),
    (CAROUSEL, [sent("body", text())], "Carousel: 2 cards are needed, 0 are given."),
    (CAROUSEL, [sent("body", text()), carousel(whole_card(0))], "Carousel: 2 cards are needed, 1 is given."),
    (CAROUSEL, [sent("body", text()), carousel(whole_card(0), whole_card(0))], "give each card its `cardIndex`, 0 to 1"),
    (
        CAROUSEL,
        [sent("body", text()), carousel(whole_card(0), card(1, sent("body", text())))],
        "Card 2, header: one parameter of type image",
    ),
    (
        CAROUSEL,
        [sent("body", text()), carousel(whole_card(0), card(1, sent("header", IMAGE), button("url", 1, text())))],
        "Card 2, body: 1 parameter is needed",
    ),
    (
        CAROUSEL,
        [sent("body", text()), carousel(whole_card(0), card(1, sent("header", IMAGE), sent("body", text())))],
        "Card 2, button 2 ('Track'): the end",
    ),
    (template(body("Hi")), [carousel(whole_card(0))], "Carousel: the template has none"),
]


@pytest.mark.parametrize(("known", "components"), GOOD)
def test_what_whatsapp_takes_is_let_through(known, components):
    assert check(known, components) == []


@pytest.mark.parametrize(("known", "components", "said"), BAD)
def test_what_whatsapp_refuses_is_refused_in_words(known, components, said):
    problems = check(known, components)
    assert any(said in each for each in problems), problems


def test_every_problem_is_told_at_once():
    known = template(header(format="IMAGE"), body("{{1}}"), buttons(URL))
    assert len(check(known, [])) == 3


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("PENDING", "reviewing"),
        ("REJECTED", "rejected it"),
        ("PAUSED", "paused it"),
        ("DISABLED", "disabled it"),
        ("IN_APPEAL", "appeal"),
        ("PENDING_DELETION", "being deleted"),
        ("DELETED", "deleted"),
        ("LIMIT_EXCEEDED", "more templates"),
        ("ARCHIVED", "archive"),
    ],
)
def test_a_status_that_sends_nothing_is_told_with_its_reason_and_since_when(status, said):
    (problem,) = check(template(body("{{1}}"), status=status, reason="SCAM"), [])
    assert problem.startswith(f"Template 'order_update' (en_US) is {status} since 2026-03-02T12:00:00.000Z (SCAM): ")
    assert said in problem


def test_an_unknown_name_is_told_with_similar_ones():
    said = explain_unknown("order_updat", "en", {"order_update": ["en_US"], "hello_world": ["en"]})
    assert said.endswith("Similar names: order_update.")
    assert "Similar" not in explain_unknown("zzz", "en", {"order_update": ["en_US"]})


def test_what_is_unknown_is_told_with_when_the_list_was_made():
    listed = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for name in ("order_update", "zzz"):
        said = explain_unknown(name, "de", {"order_update": ["en_US"]}, as_of=listed)
        assert "(as of 2026-03-02T12:00:00.000Z)" in said
        assert "as of" not in explain_unknown(name, "de", {"order_update": ["en_US"]})


def test_an_unknown_language_is_told_with_those_there_are():
    said = explain_unknown("order_update", "de", {"order_update": ["en_US", "fr"]})
    assert said == "Template 'order_update' is not there in 'de', but in en_US, fr: name one of these languages."


def test_cards_of_products_are_made_of_the_first():
    product = {"type": "product", "product": {"product_retailer_id": "a", "catalog_id": "1"}}
    one = {"components": [header(format="PRODUCT"), buttons({"type": "SPM", "text": "View"})]}
    known = template(body("Hi"), {"type": "CAROUSEL", "cards": [one, one]})
    cards = [card(index, sent("header", product)) for index in range(5)]
    assert check(known, [carousel(*cards)]) == []
    assert check(known, [carousel(cards[0])]) == ["Carousel: 2 to 10 cards are needed, 1 is given."]


def test_a_product_is_named_with_its_catalogue():
    known = template(header(format="PRODUCT"), body("Hi"))
    whole = {"product_retailer_id": "a", "catalog_id": "1"}
    assert check(known, [sent("header", {"type": "product", "product": whole})]) == []
    for lacking in whole:
        product = {name: value for name, value in whole.items() if name != lacking}
        (problem,) = check(known, [sent("header", {"type": "product", "product": product})])
        assert problem == 'Header: the product needs {"productRetailerId", "catalogId"}.'


def definition_of(components: list[Any]) -> Template:
    """The template that a published send must have been of."""
    made: list[Any] = []
    shown: list[Any] = []
    for each in components:
        parameters = each["parameters"]
        match each["type"]:
            case "body":
                names = [one.get("parameter_name", place) for place, one in enumerate(parameters, start=1)]
                made.append(body(" ".join(f"{{{{{name}}}}}" for name in names)))
            case "header":
                made.append(header(format=parameters[0]["type"].upper()))
            case "button":
                kind = each["sub_type"].upper()
                shown.append(
                    {"type": kind, "text": "a", "url": "https://a/{{1}}"} if kind == "URL" else {"type": kind, "text": "a"}
                )
    return template(*made, buttons(*shown), parameter_format=None)


def test_published_sends_fit_their_own_template_and_lack_what_is_taken_away(corpus):
    seen = 0
    for name, document in corpus.documents("whatsapp/api_send_request/template"):
        components = document["template"].get("components")
        if not components:
            continue
        seen += 1
        known = definition_of(components)
        assert check(known, components) == [], name
        for position, each in enumerate(components):
            optional = each["type"] == "button" and each["sub_type"].lower() in ("quick_reply", "catalog")
            if not optional:
                assert check(known, components[:position] + components[position + 1 :]), (name, position)
    assert seen >= 10


@pytest.mark.parametrize(
    "odd", [None, 1, "x", [], {}, [[]], {"type": []}, {"type": "body", "parameters": {}}, {"type": "button"}]
)
def test_anything_at_all_is_judged_and_breaks_nothing(odd):
    for known in (CODE, OFFER, CAROUSEL, NAMED, template(odd), template({"type": "BODY", "text": odd})):
        for components in ([odd], [sent("body", odd)], [sent("carousel", cards=[odd])], [button("url", 0, odd)]):
            assert isinstance(check(known, components), list)
