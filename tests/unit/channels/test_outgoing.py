"""What a business can send: WhatsApp's limits at their border, both spellings, and what a reader of a history sees."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.channels.sent_contents import EXAMPLES
from waystate.channels.whatsapp.outgoing import (
    ContentType,
    MessageContent,
    is_free_form,
    parse_whatsapp,
    render_content,
    text_of_content,
)
from waystate.web.problems import invalid_fields

IN_CAPITALS = {f"interactive_button/bindambc__expectedMessage{number}.json" for number in (11, 14, 15, 16)}
"""Their type is BUTTON, which WhatsApp's pages and we write as button."""
_OF_META = "template/meta-openapi__Version-Phone-Number-ID-messages-post-Send-Sample-Shipping-Confirmatio.json"
BREAKS_A_LIMIT = {
    "reaction/bindambc__WhatsappBusinessCloudApiTest-expectedJson.json": "the emoji is escaped twice: a text, no emoji",
    _OF_META: "the name and the language are placeholders with hyphens",
    "template/pywa__test-api-template.json": "a template without a language",
}
"""Published bodies that WhatsApp's own pages forbid."""


def content(type: str, said: Any) -> MessageContent:
    return MessageContent.model_validate({"type": type, ContentType(type).field: said})


def refused(type: str, said: Any, **more: Any) -> dict[str, str]:
    """Field → sentence, as the answer of our API shows them."""
    sent = {"type": type, ContentType(type).field: said} | more
    with pytest.raises(ValidationError) as caught:
        MessageContent.model_validate(sent)
    problem = invalid_fields(caught.value.errors(include_url=False), MessageContent, sent)
    return {each["field"]: each["problem"] for each in problem.extra["errors"]}


def buttons(count=1, *, id="{}", title="B{}", **more: Any) -> dict[str, Any]:
    options = [{"type": "reply", "reply": {"id": id.format(n), "title": title.format(n)}} for n in range(count)]
    return {"type": "button", "body": {"text": "Go on?"}, "action": {"buttons": options}} | more


def rows(*counts: int, **more: Any) -> dict[str, Any]:
    sections = [
        {"title": f"S{s}", "rows": [{"id": f"{s}-{n}", "title": f"R{n}"} for n in range(count)]}
        for s, count in enumerate(counts)
    ]
    return {"type": "list", "body": {"text": "Which?"}, "action": {"button": "Show", "sections": sections}} | more


def row(**fields: Any) -> dict[str, Any]:
    return rows(1) | {"action": {"button": "Show", "sections": [{"rows": [{"id": "1", "title": "R"} | fields]}]}}


def link(label: str = "Open", url: str = "https://example.org") -> dict[str, Any]:
    return {"type": "cta_url", "body": {"text": "See"}, "action": {"parameters": {"displayText": label, "url": url}}}


def products(*counts: int) -> dict[str, Any]:
    sections = [{"title": f"S{n}", "productItems": [{"productRetailerId": "p"}] * count} for n, count in enumerate(counts)]
    header = {"type": "text", "text": "Cups"}
    return {"type": "product_list", "header": header, "body": {"text": "b"}, "action": {"catalogId": "1", "sections": sections}}


def card(index: int, **more: Any) -> dict[str, Any]:
    header = {"type": "image", "image": {"link": "https://example.org/a.png"}}
    action = {"name": "cta_url", "parameters": {"displayText": "Open", "url": "https://example.org"}}
    return {"cardIndex": index, "header": header, "action": action} | more


def carousel(*cards: dict[str, Any]) -> dict[str, Any]:
    return {"type": "carousel", "body": {"text": "Look"}, "action": {"cards": list(cards)}}


def order(**details: Any) -> dict[str, Any]:
    return {"type": "order_details", "body": {"text": "b"}, "action": {"parameters": details}}


def template(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "order_update", "language": {"code": "en"}, "components": list(components)} | more


def body(*texts: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "parameters": [{"type": "text", "text": text}]}


def button(sub_type: str, index: int = 0, **parameter: Any) -> dict[str, Any]:
    return {"type": "button", "subType": sub_type, "index": index, "parameters": [parameter]}


def coupon(code: str) -> dict[str, Any]:
    return button("copy_code", type="coupon_code", couponCode=code)


OFFER = {
    "type": "limited_time_offer",
    "parameters": [{"type": "limited_time_offer", "limitedTimeOffer": {"expirationTimeMs": 1796083200000}}],
}
LINKED = {"link": "https://example.org/a"}
NAMED_BOTH_WAYS = {"parameter_name": "a", "parameterName": "a"}
NAMED = {"formattedName": "Lee", "firstName": "Lee"}

BORDERS = [
    ("text", "text.body", lambda n: {"body": "x" * n}, 4096),
    ("image", "media.caption", lambda n: {**LINKED, "caption": "x" * n}, 1024),
    ("contacts", "contacts", lambda n: [{"name": NAMED}] * n, 257),
    ("interactive", "interactive.action.buttons", buttons, 3),
    ("interactive", "interactive.action.buttons.0.reply.id", lambda n: buttons(id="x" * n), 256),
    ("interactive", "interactive.action.buttons.0.reply.title", lambda n: buttons(title="x" * n), 20),
    ("interactive", "interactive.body.text", lambda n: buttons(body={"text": "x" * n}), 1024),
    ("interactive", "interactive.footer.text", lambda n: buttons(footer={"text": "x" * n}), 60),
    ("interactive", "interactive.header.text", lambda n: buttons(header={"type": "text", "text": "x" * n}), 60),
    ("interactive", "interactive.body.text", lambda n: rows(1, body={"text": "x" * n}), 4096),
    ("interactive", "interactive.action.sections.0.rows", rows, 10),
    ("interactive", "interactive.action.sections", lambda n: rows(n - 5, 5), 10),
    ("interactive", "interactive.action.sections", lambda n: rows(*[1] * n), 10),
    ("interactive", "interactive.action.sections.0.rows.0.id", lambda n: row(id="x" * n), 200),
    ("interactive", "interactive.action.sections.0.rows.0.title", lambda n: row(title="x" * n), 24),
    ("interactive", "interactive.action.sections.0.rows.0.description", lambda n: row(description="x" * n), 72),
    ("interactive", "interactive.action.parameters.displayText", lambda n: link("x" * n), 20),
    ("interactive", "interactive.action.sections", lambda n: products(n - 5, 5), 30),
    ("interactive", "interactive.action.cards", lambda n: carousel(*[card(i % 10) for i in range(n)]), 10),
    ("interactive", "interactive.action.cards.1.body.text", lambda n: carousel(card(0), card(1, body={"text": "x" * n})), 160),
    ("template", "template.name", lambda n: template(name="x" * n), 512),
    ("template", "template.components.0.parameters.0.text", lambda n: template(header("x" * n)), 60),
    ("template", "template.components.0.parameters.0.text", lambda n: template(body("x" * n), header("x")), 1024),
    ("template", "template.components.0.parameters.0.text", lambda n: template(body("x" * n)), 32_768),
    ("template", "template.components.0.parameters.0.couponCode", lambda n: template(coupon("x" * n)), 20),
    ("template", "template.components.0.parameters.0.couponCode", lambda n: template(coupon("x" * n), OFFER), 15),
    ("template", "template.components.0.parameters.0.text", lambda n: template(button("otp", type="text", text="1" * n)), 15),
    ("template", "template.components.0.index", lambda n: template(button("url", n, type="text", text="a")), 9),
]


@pytest.mark.parametrize(("type", "field", "make", "most"), BORDERS, ids=[f"{each[1]}-{each[3]}" for each in BORDERS])
def test_the_limit_passes_and_one_more_is_refused_in_a_sentence(type, field, make, most):
    content(type, make(most))
    problems = refused(type, make(most + 1))
    assert field in problems
    assert len(problems[field].split()) > 4, problems


@pytest.mark.parametrize(
    ("type", "said", "field", "words"),
    [
        ("text", {"body": " \u200b"}, "text.body", "write something"),
        ("text", {"body": "Hi", "preview": True}, "text.preview", "not taken here; send `previewUrl`"),
        ("image", {}, "media", "give `mediaId`"),
        ("image", {"link": "https://example.org/a", "id": "1"}, "media", "one of `mediaId`, `link` and `id`"),
        ("image", {"link": "http://example.org/a"}, "media.link", "https://"),
        ("image", {"link": "https:///a"}, "media.link", "https://"),
        ("audio", {**LINKED, "caption": "x"}, "media.caption", "message of its own"),
        ("sticker", {**LINKED, "caption": "x"}, "media.caption", "message of its own"),
        ("image", {**LINKED, "filename": "a.pdf"}, "media.filename", "document alone"),
        ("video", {**LINKED, "voice": True}, "media.voice", "audio alone"),
        ("location", {"latitude": 90.5, "longitude": 0}, "location.latitude", "between -90 and 90"),
        ("location", {"latitude": "north", "longitude": 0}, "location.latitude", "between -90 and 90"),
        ("location", {"latitude": 0, "longitude": "nan"}, "location.longitude", "between -180 and 180"),
        ("contacts", [{"name": {"formattedName": "Lee"}}], "contacts.0.name", "add `firstName`"),
        ("contacts", [{"name": NAMED, "birthday": "23.1.1999"}], "contacts.0.birthday", "YYYY-MM-DD"),
        ("contacts", [], "contacts", "at least 1"),
        ("reaction", {"messageId": "12", "emoji": "👍"}, "reaction.messageId", "wamid."),
        ("reaction", {"messageId": "wamid.1", "emoji": "ok"}, "reaction.emoji", "one emoji"),
        ("reaction", {"messageId": "wamid.1", "emoji": "👍👍"}, "reaction.emoji", "one emoji"),
        ("interactive", {"type": "poll"}, "interactive.type", "use one of button, list, cta_url"),
        ("interactive", {}, "interactive.type", "is missing; use one of"),
        ("interactive", buttons(2, id="same"), "interactive.action.buttons", "same id twice"),
        ("interactive", buttons(2, title="same"), "interactive.action.buttons", "same title twice"),
        ("interactive", buttons(0), "interactive.action.buttons", "at least 1"),
        ("interactive", buttons(id=" x"), "interactive.action.buttons.0.reply.id", "a space"),
        ("interactive", rows(1, header={"type": "image", "image": LINKED}), "interactive.header.type", "use one of text"),
        ("interactive", link(url="shop"), "interactive.action.parameters.url", "https://example.org/offers"),
        ("interactive", carousel(card(0), card(0)), "interactive.action.cards", "`cardIndex` twice"),
        ("interactive", carousel(card(0)), "interactive.action.cards", "at least 2"),
        ("interactive", order(), "interactive.action.parameters", "names the order"),
        ("interactive", order(reference_id="x" * 36), "interactive.action.parameters", "at most 35"),
        ("template", template(body("a\nb")), "template.components.0.parameters.0.text", "write one line"),
        ("template", template(body("a     b")), "template.components.0.parameters.0.text", "write one line"),
        ("template", template(body("a"), body("b")), "template.components", "twice"),
        ("template", template(coupon("A"), button("url", type="text", text="a")), "template.components", "`index` of a button"),
        ("template", template(name="Order-Update"), "template.name", "a-z"),
        ("template", template(language={"code": "english"}), "template.language.code", "pt_BR"),
        ("template", template({"type": "footer"}), "template.components.0.type", "use one of header, body"),
        (
            "template",
            template(button("call", type="text", text="a")),
            "template.components.0.subType",
            "use one of quick_reply",
        ),
    ],
)
def test_what_whatsapp_would_refuse_is_refused_with_its_field_and_what_to_do(type, said, field, words):
    problems = refused(type, said)
    assert list(problems) == [field]
    assert words in problems[field]


def test_several_sections_need_titles_and_one_needs_none():
    sections = [{"rows": [{"id": "1", "title": "a"}]}, {"rows": [{"id": "2", "title": "b"}]}]
    content("interactive", rows(1) | {"action": {"button": "Show", "sections": sections[:1]}})
    said = rows(1) | {"action": {"button": "Show", "sections": sections}}
    assert "each needs a title" in refused("interactive", said)["interactive.action.sections.0.title"]


def test_rows_of_two_sections_may_not_share_an_id():
    sections = [{"title": title, "rows": [{"id": "same", "title": "a"}]} for title in "ab"]
    problems = refused("interactive", rows(1) | {"action": {"button": "Show", "sections": sections}})
    assert "id of a row" in problems["interactive.action.sections"]


def test_a_form_is_named_once():
    def form(**named: str) -> dict[str, Any]:
        return {"type": "flow", "body": {"text": "b"}, "action": {"parameters": {"flowCta": "Book"} | named}}

    content("interactive", form(flowId="1"))
    content("interactive", form(flowName="booking"))
    assert refused("interactive", form()) == refused("interactive", form(flowId="1", flowName="b"))


def test_named_and_unnamed_places_do_not_mix():
    mixed = {
        "type": "body",
        "parameters": [{"type": "text", "parameterName": "name", "text": "a"}, {"type": "text", "text": "b"}],
    }
    assert "all of them or none" in refused("template", template(mixed))["template.components.0.parameters"]


def test_an_unknown_type_is_told_the_known_ones():
    for type in ("voice", "poll", "read"):
        with pytest.raises(ValidationError) as caught:
            MessageContent.model_validate({"type": type})
        (error,) = caught.value.errors()
        assert error["loc"] == ("type",)
        assert (
            "text, image, video, audio, document, sticker, location, contacts, interactive, template, reaction" in error["msg"]
        )


def test_the_content_is_that_of_its_type_and_no_other():
    assert "content there" in refused("text", None)["text"]
    assert "leave it out" in refused("image", LINKED, text={"body": "Hi"})["text"]
    assert "not taken here; send `media`" in refused("text", {"body": "Hi"}, image=LINKED)["image"]


def test_refusals_never_quote_what_was_written():
    problems = json.dumps(refused("text", {"body": "secret " * 1000}) | refused("template", template(name="Secret Name")))
    assert "ecret" not in problems


@pytest.mark.parametrize(("name", "type", "said"), [(name, *example) for name, example in EXAMPLES.items()], ids=list(EXAMPLES))
def test_every_example_goes_to_whatsapp_and_back(name, type, said):
    sent = render_content(content(type, said))
    assert sent["type"] == type
    assert list(sent) == ["type", type]
    again = parse_whatsapp(type, sent[type])
    assert render_content(again) == sent
    assert "otp" in json.dumps(said) or again == content(type, said)
    text = text_of_content(again)
    assert text.strip()
    assert text == text_of_content(content(type, said))


def test_every_kind_has_an_example():
    assert {type for type, _ in EXAMPLES.values()} == {each.value for each in ContentType}
    models = MessageContent.model_json_schema()["$defs"]
    shown = json.dumps(EXAMPLES)
    for model in models.values():
        for key in ("type", "subType"):
            kind = model.get("properties", {}).get(key, {}).get("const")
            assert kind is None or f'"{key}": "{kind}"' in shown or kind == "reply", (key, kind)


def test_published_bodies_are_read_and_written_without_loss(corpus):
    seen = set()
    for name, document in corpus.documents("whatsapp/api_send_request"):
        short = name.removeprefix("whatsapp/api_send_request/")
        said = document[document["type"]]
        if short in BREAKS_A_LIMIT:
            seen.add(short)
            with pytest.raises(ValidationError):
                parse_whatsapp(document["type"], said)
            continue
        read = parse_whatsapp(document["type"], said)
        if short in IN_CAPITALS:
            seen.add(short)
            said |= {"type": said["type"].lower()}
        assert render_content(read) == {"type": document["type"], document["type"]: said}, name
        assert text_of_content(read).strip(), name
    assert seen == IN_CAPITALS | set(BREAKS_A_LIMIT)


def test_capitals_are_read_as_what_they_stand_for():
    said = template({"type": "BODY", "parameters": [{"type": "text", "text": "a"}]}, button("URL", type="text", text="b"))
    said["components"][1]["type"] = "BUTTON"
    sent = render_content(content("template", said))["template"]["components"]
    assert [sent[0]["type"], sent[1]["type"], sent[1]["sub_type"]] == ["body", "button", "url"]


@pytest.mark.parametrize(("name", "type", "said"), [(name, *example) for name, example in EXAMPLES.items()], ids=list(EXAMPLES))
def test_every_example_may_be_written_in_whatsapps_spelling(name, type, said):
    written = render_content(content(type, said))[type]
    assert render_content(content(type, written)) == render_content(content(type, said))


def test_names_as_whatsapps_pages_write_them_are_taken_and_mixed():
    link_button = {"type": "button", "sub_type": "url", "index": 0, "parameters": [{"type": "text", "text": "b"}]}
    named = {"type": "body", "parameters": [{"type": "text", "parameter_name": "who", "text": "a"}]}
    assert render_content(content("template", template(named, link_button)))["template"]["components"] == [named, link_button]
    said = [{"type": "text", "parameter_name": "who", "text": "a"}, {"type": "text", "parameterName": "day", "text": "b"}]
    content("template", template({"type": "body", "parameters": said}))
    assert content("text", {"body": "Hi", "preview_url": True}) == content("text", {"body": "Hi", "previewUrl": True})


def test_what_is_whatsapps_is_read_in_its_own_spelling_alone():
    parse_whatsapp("text", {"body": "Hi", "preview_url": True})
    with pytest.raises(ValidationError):
        parse_whatsapp("text", {"body": "Hi", "previewUrl": True})


@pytest.mark.parametrize(
    ("type", "said", "field", "ours"),
    [
        ("text", {"body": "Hi", "preview_url": True, "previewUrl": True}, "text.preview_url", "previewUrl"),
        (
            "template",
            template(
                {"type": "body", "parameters": [{"type": "text", "text": "a", "parameter_name": "a", "parameterName": "a"}]}
            ),
            "template.components.0.parameters.0.parameter_name",
            "parameterName",
        ),
        (
            "template",
            template(button("url", type="text", text="a") | {"sub_type": "url"}),
            "template.components.0.sub_type",
            "subType",
        ),
    ],
)
def test_both_spellings_of_one_field_are_refused(type, said, field, ours):
    assert refused(type, said) == {field: f"is not taken beside `{ours}`, which says the same; send one of the two"}


def test_a_refusal_names_the_field_as_it_was_spelled():
    said = button("copy_code", type="coupon_code") | {"parameters": [{"type": "coupon_code", "coupon_code": "x" * 16}]}
    assert list(refused("template", template(said, OFFER))) == ["template.components.0.parameters.0.coupon_code"]
    wrong = {"type": "button", "sub_type": "call", "index": 0, "parameters": []}
    assert list(refused("template", template(wrong))) == ["template.components.0.sub_type"]


def test_an_offer_that_ends_in_seconds_is_refused():
    problems = refused("template", template(json.loads(json.dumps(OFFER).replace("1796083200000", "1796083200"))))
    assert "multiply it by 1000" in next(iter(problems.values()))


def test_a_button_number_is_read_in_digits_too():
    said = {"name": "a", "language": {"code": "en"}, "components": [button("url", type="text", text="x")]}
    for written in ("0", 0):
        said["components"][0]["index"] = written
        assert render_content(content("template", said))["template"]["components"][0]["index"] == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text", "Your order A-7 left today."),
        ("image with a caption", "The blue one"),
        ("voice message", "[voice message]"),
        ("sticker", "[sticker]"),
        ("document", "Please sign"),
        ("reaction", "[reaction 👍]"),
        ("reaction taken back", "[reaction removed]"),
        ("buttons", "Your appointment\nDoes Monday at 10 suit you?\n1. Yes\n2. Another day\nExample Ltd"),
        ("list", "Delivery\nHow shall we send it?\n1. Express (Next day)\n2. Standard"),
        ("link", "The tickets are on sale.\n[Buy: https://example.org/tickets]"),
        ("ask for the phone number", "May we have your number for the delivery?\n[asks for the phone number]"),
        ("template", "[template: order_update] A-7, Ann, A-7, Friday"),
        ("template with a code", "[template: sign_in_code] (a code)"),
    ],
)
def test_a_history_shows_what_was_said(name, text):
    assert text_of_content(content(*EXAMPLES[name])) == text


def test_a_history_shows_no_code():
    for code in ("J$FpnYnP", "123456789012345"):
        said = template(body(code), button("otp", type="text", text=code))
        assert code not in text_of_content(content("template", said))


def test_only_templates_are_sent_outside_the_window():
    assert [type.value for type in ContentType if not is_free_form(type)] == ["template"]


def test_the_document_of_our_api_shows_what_is_read_and_written():
    assert (
        MessageContent.model_json_schema(mode="serialization")["$defs"].keys()
        == MessageContent.model_json_schema()["$defs"].keys()
    )
