import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.channels.sent_contents import EXAMPLES
from waystate.channels.genesys.parse import parse_webhook
from waystate.channels.whatsapp.content import MEDIA_TYPES
from waystate.channels.whatsapp.outgoing import MessageContent, render_content
from waystate.channels.whatsapp.render import render_composed, render_outbound, render_text
from waystate.deliveries.answers import find_offer
from waystate.errors import Reason, Rejected
from waystate.simulator.graph_bodies import SendBody

ID = UUID("0193446e-8e6f-7a2b-9c3d-000000000001")
BSUID = "US.13491208655302741918"
HEADER = {"type": "header", "parameters": []}


def rendered(text="Go on?", options=(), *, type="structured", content=None, media=None, numbered="the numbered text"):
    replies = [{"contentType": "QuickReply", "quickReply": {"text": option, "payload": f"p-{option}"}} for option in options]
    content = {"text": text, "content": replies} if content is None else content
    offer = find_offer(type, content)
    body = render_outbound(wa_id="16505551234", user_id=None, message_id=ID, type=type, text=numbered, offer=offer, media=media)
    SendBody.model_validate(body)
    return body


def test_text_to_a_phone_is_the_documented_body():
    assert render_text(wa_id="16505551234", user_id=BSUID, text="Hi", message_id=ID, reply_to="wamid.A") == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "16505551234",
        "type": "text",
        "text": {"body": "Hi"},
        "context": {"message_id": "wamid.A"},
        "biz_opaque_callback_data": str(ID),
    }


@pytest.mark.parametrize("wa_id", [None, ""])
def test_text_to_a_user_id_goes_to_recipient(wa_id):
    body = render_text(wa_id=wa_id, user_id=BSUID, text="Hi", message_id=ID)
    assert body["recipient"] == BSUID
    assert "to" not in body
    assert "context" not in body


@pytest.mark.parametrize(
    ("wa_id", "text"),
    [(None, "Hi"), ("1", ""), ("1", " \n"), ("1", "\u200b\u2800"), ("1", "x" * 4097)],
    ids=["nobody", "empty", "blank", "invisible", "long"],
)
def test_text_that_cannot_be_sent_is_rejected_with_a_sentence(wa_id, text):
    with pytest.raises(Rejected, match=r"\w+ \w+ \w+") as rejected:
        render_text(wa_id=wa_id, user_id=None, text=text, message_id=ID)
    assert rejected.value.reason is Reason.INVALID_PAYLOAD


def test_longest_text_is_sent_whole():
    body = render_text(wa_id="16505551234", user_id=None, text="x" * 4096, message_id=ID)
    assert SendBody.model_validate(body).text.body == "x" * 4096


def test_up_to_three_quick_replies_become_buttons():
    body = rendered(options=["Yes", "No", "Later"])
    assert body["type"] == "interactive"
    assert body["interactive"]["type"] == "button"
    assert body["interactive"]["body"] == {"text": "Go on?"}
    assert [button["reply"] for button in body["interactive"]["action"]["buttons"]] == [
        {"id": "p-Yes", "title": "Yes"},
        {"id": "p-No", "title": "No"},
        {"id": "p-Later", "title": "Later"},
    ]
    assert body["biz_opaque_callback_data"] == str(ID)


@pytest.mark.parametrize("options", [[f"Option {n}" for n in range(4)], [f"Option {n}" for n in range(10)], ["t" * 21, "No"]])
def test_up_to_ten_or_longer_quick_replies_become_a_list(options):
    body = rendered(options=options)
    assert body["interactive"]["type"] == "list"
    (section,) = body["interactive"]["action"]["sections"]
    assert [row["title"] for row in section["rows"]] == options


def test_title_too_long_for_a_row_stands_whole_in_its_description():
    (row, _) = rendered(options=["t" * 40, "No"])["interactive"]["action"]["sections"][0]["rows"]
    assert row == {"id": "p-" + "t" * 40, "title": "t" * 23 + "…", "description": "t" * 40}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Go on?", [f"Option {n}" for n in range(11)]),
        ("Go on?", ["t" * 73, "No"]),
        ("Go on?", ["Same", "Same"]),
        ("Go on?", ["", "No"]),
        ("p" * 4097, ["Yes", "No"]),
    ],
    ids=["eleven", "title too long", "alike", "untitled", "long prompt"],
)
def test_quick_replies_that_do_not_fit_go_as_numbered_text(text, options):
    body = rendered(text, options)
    assert (body["type"], body["text"]) == ("text", {"body": "the numbered text"})


def test_a_prompt_too_long_for_buttons_stands_above_a_list():
    assert rendered("p" * 1025, ["Yes", "No"])["interactive"]["type"] == "list"


def test_other_content_stands_above_the_buttons():
    replies = [{"quickReply": {"text": "Yes"}}, {"attachment": {"url": "https://example.test/a"}}]
    body = rendered(content={"text": "x", "content": replies})["interactive"]
    assert (body["type"], body["body"]["text"]) == ("button", "x\nhttps://example.test/a")


@pytest.mark.parametrize("prompt", [None, "", " ", "\u200b", "\u2800"])
def test_quick_replies_without_a_prompt_get_one(prompt):
    body = rendered(content={"text": prompt, "content": [{"quickReply": {"text": "Yes"}}]})
    assert body["interactive"]["body"]["text"] == "Please choose:"


def test_a_quick_reply_that_nobody_sees_is_no_button():
    assert rendered(options=["Yes", "\u200b"])["type"] == "text"


def test_plain_text_is_never_made_interactive():
    assert rendered(options=["Yes"], type="text")["type"] == "text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("See", "See\nhttps://example.test/a.jpg"), (None, "https://example.test/a.jpg"), ("x https://example.test/a.jpg", None)],
)
def test_medium_goes_as_its_address_once(text, expected):
    body = rendered(type="image", numbered=text, content={}, media={"url": "https://example.test/a.jpg"})
    assert body["text"]["body"] == (expected or text)


def test_message_with_neither_text_nor_address_is_rejected():
    with pytest.raises(Rejected):
        rendered(type="image", numbered=None, content={}, media={"id": "1"})


def test_corpus_of_genesys_goes_out_as_valid_requests(corpus):
    kinds = {}
    for name, body in corpus.files("genesys/outbound_text", "genesys/outbound_attachment", "genesys/outbound_structured"):
        message = parse_webhook(body, "i", datetime(2026, 11, 20, tzinfo=UTC)).items[0].value
        sent = rendered(type=message.type, numbered=message.text, content=message.content, media=message.media)
        kinds[name.rsplit("-", 1)[-1]] = sent["type"]
        assert json.dumps(sent), name
    assert kinds["quickreply.json"] == "interactive"
    assert (kinds["carousel.json"], kinds["datepicker.json"]) == ("interactive", "interactive")


@given(text=st.text(min_size=1, max_size=1100), options=st.lists(st.text(max_size=80), max_size=12))
def test_whatever_a_bot_offers_is_within_metas_limits(text, options):
    rendered(text, options)


def composed(name, *, wa_id="16505551234", user_id=None, **more):
    type, said = EXAMPLES[name]
    content = MessageContent.model_validate({"type": type, "media" if type in MEDIA_TYPES else type: said})
    return render_composed(
        wa_id=wa_id, user_id=user_id, message_id=ID, type=type, content=render_content(content)[type], **more
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_everything_that_can_be_sent_is_a_request_of_whatsapp(name):
    body = composed(name, reply_to="wamid.A")
    SendBody.model_validate(body)
    assert (body["to"], body["biz_opaque_callback_data"]) == ("16505551234", str(ID))
    assert ("context" in body) == (body["type"] != "reaction")
    assert composed(name, wa_id=None, user_id=BSUID)["recipient"] == BSUID if name != "template with a code" else True


def test_a_code_goes_to_a_phone_and_to_no_user_id():
    assert composed("template with a code")["template"]["components"][1]["sub_type"] == "url"
    with pytest.raises(Rejected, match="131062"):
        composed("template with a code", wa_id=None, user_id=BSUID)


@pytest.mark.parametrize(
    ("said", "copied", "more"),
    [("483915", "orders/7", []), ("123456789", "123456789", []), ("A-77", "A-77", []), ("4839", "4839", [HEADER])],
    ids=["another end", "longer than a code", "an order", "with a header"],
)
def test_a_template_that_repeats_no_code_goes_to_a_user_id(said, copied, more):
    button = {"type": "button", "sub_type": "url", "index": 0, "parameters": [{"type": "text", "text": copied}]}
    body = {"type": "body", "parameters": [{"type": "text", "text": said}]}
    content = {"name": "a", "language": {"code": "en"}, "components": [*more, body, button]}
    sent = render_composed(wa_id=None, user_id=BSUID, message_id=ID, type="template", content=content)
    assert sent["template"] == content


def test_the_category_decides_whether_a_template_has_a_code():
    assert composed("template with a code", wa_id=None, user_id=BSUID, category="UTILITY")["recipient"] == BSUID
    with pytest.raises(Rejected, match="131062"):
        composed("template", wa_id=None, user_id=BSUID, category="AUTHENTICATION")


def test_contacts_kept_as_an_object_go_as_their_list():
    cards = [{"name": {"formatted_name": "Lee", "first_name": "Lee"}}]
    body = render_composed(wa_id="1", user_id=None, message_id=ID, type="contacts", content={"contacts": cards})
    assert body["contacts"] == cards
