import json
from datetime import UTC, datetime

import pytest

from waystate.channels.genesys.parse import parse_webhook
from waystate.channels.model import Ignored, Unusable
from waystate.documents import Unreadable
from waystate.messages.model import AgentTyping, GenesysReceipt, OutboundMessage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
INTEGRATION = "73cb7fb7-c2db-4996-88f3-0a83a4fea1da"


def notification(**fields):
    """An agent's text; a field set to None is left out."""
    channel = {"id": INTEGRATION, "platform": "Open", "messageId": "c327", "time": "2026-11-20T11:00:00.123Z"}
    channel |= {"to": {"id": "contact-1", "idType": "Opaque"}, "from": {"id": INTEGRATION}}
    whole = {
        "id": "c327",
        "channel": channel,
        "type": "Text",
        "text": "Hello",
        "direction": "Outbound",
        "conversationId": "d06c",
    }
    return {key: value for key, value in (whole | fields).items() if value is not None}


def only(document, **options):
    (item,) = parse_webhook(json.dumps(document).encode(), INTEGRATION, NOW, **options).items
    assert (item.item, item.integration_id) == ("0", INTEGRATION)
    return item.value


def test_agents_text_becomes_an_outbound_message():
    value = only(notification(originatingEntity="Human", reasons=[]), origin="2026-11-20/7")
    assert value == OutboundMessage(
        genesys_message_id="c327",
        sent_at=datetime(2026, 11, 20, 11, 0, 0, 123000, tzinfo=UTC),
        conversation_id="d06c",
        recipient_id="contact-1",
        integration_id=INTEGRATION,
        type="text",
        text="Hello",
        content={"text": "Hello"},
        metadata={"originatingEntity": "Human"},
        origin="2026-11-20/7:0",
    )


def test_corpus_messages_all_become_outbound_messages(corpus):
    for name, body in corpus.files("genesys/outbound_text", "genesys/outbound_attachment", "genesys/outbound_structured"):
        (item,) = parse_webhook(body, INTEGRATION, NOW).items
        assert isinstance(item.value, OutboundMessage), name
        assert item.value.text or item.value.files, name
        assert item.value.conversation_id == "d06cb41e-f938-4dcf-b823-c8af1a39d7e5", name
        assert item.value.recipient_id in {"abcdef12345@socialmedia", "spaces/3CeK98AAAAE"}, name
        assert item.value.sent_at.year in {2021, 2025}, name


def test_corpus_of_customers_events_and_echoes_is_ignored(corpus):
    for name, body in corpus.files("genesys/inbound_event", "genesys/inbound_text"):
        (item,) = parse_webhook(body, INTEGRATION, NOW).items
        assert isinstance(item.value, Ignored), name


def test_an_agent_who_types_is_understood(corpus):
    for name, body in corpus.files("genesys/outbound_event"):
        (item,) = parse_webhook(body, INTEGRATION, NOW).items
        assert isinstance(item.value, AgentTyping), name
        assert item.value.recipient_id == "abcdef12345@socialmedia"
    value = only(notification(type="EVENT", text=None, events=[{"eventType": "typing", "typing": {"type": "ON"}}]), origin="g")
    assert value == AgentTyping(
        typed_at=datetime(2026, 11, 20, 11, 0, 0, 123000, tzinfo=UTC),
        conversation_id="d06c",
        recipient_id="contact-1",
        integration_id=INTEGRATION,
        origin="g:0",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"events": [{"eventType": "Typing", "typing": {"type": "Off"}}]},
        {"events": [{"eventType": "Typing"}], "direction": "Inbound"},
        {"events": [{"eventType": "Typing"}], "channel": {"to": {"id": INTEGRATION}}},
        {"events": [{"eventType": "Typing"}], "channel": {}, "conversationId": None},
        {"events": [{"eventType": "CoBrowse"}]},
        {"events": ["Typing", 7]},
        {},
    ],
)
def test_other_events_are_ignored(fields):
    assert isinstance(only(notification(**({"type": "Event", "text": None} | fields))), Ignored)


def test_corpus_receipt_is_kept_when_it_tells_of_a_failure(corpus):
    told = {name: parse_webhook(body, INTEGRATION, NOW).items[0].value for name, body in corpus.files("genesys/receipt")}
    assert sorted(type(value).__name__ for value in told.values()) == ["GenesysReceipt", "Ignored"]
    (receipt,) = [value for value in told.values() if isinstance(value, GenesysReceipt)]
    assert receipt.names == ("c8e53e498891dfc9400c79a278cc1863", "c327c2078ca056db130c55ce648d9fa2")
    assert receipt.error == {"code": "GeneralError", "title": "some general error; you have reached your limit"}


@pytest.mark.parametrize("fields", [{"status": "FAILED"}, {"status": "failed", "direction": "Inbound"}, {"type": "RECEIPT"}])
def test_failed_receipt_is_understood_in_any_case_and_direction(fields):
    value = only(notification(**({"type": "receipt", "status": "Failed", "text": None} | fields)))
    assert isinstance(value, GenesysReceipt)
    assert (value.names, value.error) == (("c327",), {"code": "GeneralError", "title": "Genesys gave no reason."})


@pytest.mark.parametrize("direction", ["Inbound", "inbound", "INBOUND", " InBound "])
@pytest.mark.parametrize("kind", ["Text", "text", "STRUCTURED", None])
def test_copy_of_a_customers_message_is_never_an_agents(direction, kind):
    assert isinstance(only(notification(direction=direction, type=kind)), Ignored)


def test_what_is_addressed_to_the_integration_itself_is_a_copy_too():
    channel = {"from": {"id": "contact-1"}, "to": {"id": INTEGRATION.upper()}}
    assert isinstance(only(notification(direction=None, channel=channel)), Ignored)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"direction": "outbound", "type": "text"}, "text"),
        ({"direction": "OUTBOUND", "type": "TEXT"}, "text"),
        ({"direction": None, "type": None}, "text"),
        ({"type": "structured", "content": [{"contentType": "QUICKREPLY", "quickReply": {"text": "Yes"}}]}, "structured"),
        ({"content": [{"attachment": {"mediaType": "IMAGE", "url": "https://a.test"}}]}, "image"),
        ({"content": [{"attachment": {"mediaType": "file", "url": "https://a.test"}}]}, "document"),
    ],
)
def test_enumerations_are_understood_in_any_case(fields, expected):
    assert only(notification(**fields)).type == expected


@pytest.mark.parametrize("kind", ["event", "EVENT"])
def test_event_is_none_of_an_agents_messages_in_any_case(kind):
    assert isinstance(only(notification(type=kind)), Ignored)


NEITHER = ["Sideways", "In-bound", "inbound\u200b", "\ufeffInbound", "Outbound, Inbound", "", " ", 0, 1, True, False]
NEITHER += [["Inbound"], ["Outbound"], [], {}, {"value": "Inbound"}]


@pytest.mark.parametrize("direction", NEITHER)
def test_what_does_not_say_that_it_is_outbound_is_refused_with_the_reason(direction):
    document = notification() | {"direction": direction}
    value = only(document)
    assert "does not say Outbound as its direction" in value.unshowable
    assert (value.genesys_message_id, value.recipient_id) == ("c327", "contact-1"), "a receipt can name both"
    nobodys = document | {"channel": {}, "conversationId": None}
    for unnamed in (document | {"id": None, "channel": {"to": {"id": "contact-1"}}}, nobodys):
        assert isinstance(only(unnamed), Unusable)
    assert isinstance(only(document | {"channel": {"to": {"id": INTEGRATION}}}), Ignored)


@pytest.mark.parametrize("direction", [None, "Outbound", " OUTBOUND "])
def test_what_says_that_it_is_outbound_or_says_nothing_is_an_agents(direction):
    assert only(notification() | {"direction": direction}).unshowable is None


def test_attachment_is_a_file_and_its_temporary_address_is_not_in_the_text(corpus):
    (_, body), *_ = corpus.files("genesys/outbound_attachment")
    value = parse_webhook(body, INTEGRATION, NOW).items[0].value
    url = "https://api-downloads.usw2.pure.cloud/api/v2/downloads/pce1234456"
    assert (value.type, value.text, value.files) == ("audio", None, (value.media,))
    assert value.media == {
        "id": "8b36304e-ad42-4e7d-ac35-978a019514eb",
        "type": "audio",
        "url": url,
        "mime_type": "audio/mpeg",
        "filename": "audio.mp3",
        "size": 10240,
    }


def quick_reply(text):
    return {"contentType": "QuickReply", "quickReply": {"text": text, "payload": text, "action": "Message"}}


CARD = {
    "title": "Card",
    "description": "Nice",
    "actions": [{"type": "Postback", "text": "A"}, {"type": "Link", "text": "B", "url": "u"}],
}


def date_picker(*times, **fields):
    available = [{"dateTime": moment, "duration": duration} for moment, duration in times]
    return {"contentType": "DatePicker", "datePicker": fields | {"availableTimes": available}}


def template(text, *parameters, **parts):
    body = {"text": text, "parameters": [{"name": name, "text": value} for name, value in parameters]}
    return {"contentType": "Notification", "template": {"body": body} | parts}


STRUCTURED = [
    ("Go on?", [quick_reply("Yes"), quick_reply("No")], "Go on?\n1. Yes\n2. No"),
    (None, [{"contentType": "Card", "card": CARD}], "Card\nNice\n1. A\nB: u"),
    (
        None,
        [{"contentType": "Carousel", "carousel": {"cards": [CARD, CARD]}}],
        "Card\nNice\n1. A\nB: u\nCard\nNice\n2. A\nB: u",
    ),
    (
        None,
        [
            {
                "contentType": "DatePicker",
                "datePicker": {"title": "When?", "availableTimes": [{"dateTime": "2025-05-30T12:00:00Z"}]},
            }
        ],
        "When?\n1. Fri 30 May 2025, 12:00 UTC",
    ),
    (
        "Pick",
        [
            {
                "contentType": "ListPicker",
                "listPicker": {"sections": [{"title": "S", "listItems": [{"title": "X"}, {"title": "Y"}]}]},
            }
        ],
        "Pick\nS\n1. X\n2. Y",
    ),
    (
        "Hi Happy",
        [{"contentType": "Notification", "template": {"header": {"text": "Hello"}, "body": {"text": "Hi Happy"}}}],
        "Hello\nHi Happy",
    ),
    (
        "When?",
        [
            date_picker(
                *[
                    ("2025-05-30T12:00:00.000Z", 1800),
                    ("2025-12-01T09:05:00+05:30", 5400),
                    ("2025-06-01T00:00", None),
                    ("soon", 60),
                ],
                subtitle="Pick",
                dateMinimum="2025-05-30T00:00:00Z",
            )
        ],
        "When?\nPick\nfrom Fri 30 May 2025, 00:00 UTC\n1. Fri 30 May 2025, 12:00 UTC (30 min)\n"
        "2. Mon 1 Dec 2025, 09:05 UTC+05:30 (1 h 30 min)\n3. Sun 1 Jun 2025, 00:00\n4. soon (1 min)",
    ),
    (None, [{"contentType": "Location", "location": {"text": "Shop", "latitude": 1.5, "longitude": 2}}], "Shop\n1.5, 2"),
    (None, [{"contentType": "Text", "text": {"body": "Hi"}}], "Hi"),
    (None, [{"card": {"title": "C", "defaultAction": {"type": "Link", "url": "https://a.test"}}}], "C\nhttps://a.test"),
    (
        None,
        [{"card": CARD | {"defaultAction": {"text": "See", "url": "https://a.test"}}}],
        "Card\nNice\nSee: https://a.test\n1. A\nB: u",
    ),
    (None, [{"card": CARD | {"defaultAction": {"type": "Link", "url": "u"}}}], "Card\nNice\n1. A\nB: u"),
    (None, [{"card": CARD | {"defaultAction": {"type": "Postback", "payload": "p"}}}], "Card\nNice\n1. A\nB: u"),
    (
        None,
        [{"carousel": {"cards": [{"title": "C", "defaultAction": {"url": "https://a.test"}}]}}],
        "C\nhttps://a.test",
    ),
    (
        None,
        [
            {
                "listPicker": {
                    "receivedMessage": {"title": "Size", "imageUrl": "https://a.test/s"},
                    "sections": [
                        {"listItems": [{"title": "S", "description": "Small", "image": "https://a.test/1"}, {"title": "L"}, {}]}
                    ],
                }
            }
        ],
        "Size\nhttps://a.test/s\n1. S\nSmall\nhttps://a.test/1\n2. L",
    ),
    ("Go on?", [{"quickReply": {"text": "Yes"}, "attachment": {"url": "https://a.test"}}], "Go on?\nhttps://a.test\n1. Yes"),
    (None, [{"card": {"title": "\u200b", "actions": [{"text": " ", "url": "https://a.test"}]}}], "https://a.test"),
    (None, [{"quickReplyV2": {"title": "Go on?", "actions": [{"text": "Yes"}]}}], "Go on?\n1. Yes"),
]


@pytest.mark.parametrize(("text", "content", "expected"), STRUCTURED)
def test_structured_content_is_written_out_with_numbered_options(text, content, expected):
    value = only(notification(type="Structured", text=text, content=content))
    assert (value.type, value.text) == ("structured", expected)
    assert value.content["content"] == content
    assert value.content.get("text") == text


FILLED = [
    (None, template("Hi {{name}}, {{ ORDER }} left", ("name", "Ann"), ("order", "A-7")), "Hi Ann, A-7 left"),
    (None, template("Hi {{1}}, {{2}}", ("1", "Ann"), ("2", "A-7")), "Hi Ann, A-7"),
    (None, template("{{2}} for {{1}}", ("name", "Ann"), ("order", "A-7")), "A-7 for Ann"),
    (None, template("Hi {{a}} {{b}}", (None, "Ann"), (None, "Lee")), "Hi Ann Lee"),
    (None, template("Hi {{1}}", ("{{1}}", "\\1 {{2}}")), "Hi \\1 {{2}}"),
    ("Hi {{1}}", template("Hi {{1}}", ("1", "Ann")), "Hi Ann"),
    ("Hi Ann", template("Hi {{1}}"), "Hi Ann"),
    ("Note", template("Hi {{1}}", ("1", "Ann")), "Note\nHi Ann"),
    (
        None,
        template(
            "Hi {{1}}",
            ("1", "Ann"),
            header={"type": "Text", "text": "Order {{n}}", "parameters": [{"name": "n", "text": "7"}]},
            footer={"text": "Bye"},
            buttons=[
                {"type": "Url", "text": "Track", "url": "https://a.test/{{1}}", "parameters": [{"name": "1", "text": "x7"}]},
                {"type": "QuickReply", "text": "Stop"},
                {"type": "Phone", "text": "Call", "phoneNumber": "+1555"},
            ],
        ),
        "Order 7\nHi Ann\nBye\nTrack: https://a.test/x7\n1. Stop\nCall: +1555",
    ),
    (None, template("Hi", header={"type": "Image", "media": {"url": "https://a.test/1"}}), "https://a.test/1\nHi"),
]


@pytest.mark.parametrize(("text", "content", "expected"), FILLED)
def test_parameters_of_a_template_are_filled_in(text, content, expected):
    value = only(notification(type="Structured", text=text, content=[content]))
    assert (value.text, value.unshowable) == (expected, None)


UNSHOWABLE = [
    ([{"contentType": "Form", "form": {}}], "this kind of content (Form)"),
    ([{"contentType": "Attachment"}], "this kind of content (Attachment)"),
    ([{"contentType": "Attachment", "attachment": {"mediaType": "File", "filename": "a.pdf"}}], "attachment (a.pdf)"),
    ([{"attachment": {"mediaType": "Image", "url": "blob:1"}}], "attachment (image)"),
    ([{"contentType": "Hologram" * 20, "hologram": {"x": 1}}], "HologramHologram"),
    (["what?"], "content without a type"),
    ([quick_reply("Yes"), {"contentType": "Push", "push": {}}], "(Push)"),
    ([template("Hi {{1}} {{name}}")], "lacks a value for 1, name"),
    ([template("Hi {{1}}", ("1", ""))], "lacks a value for 1"),
    ([template("Hi", header={"type": "Image", "media": {"filename": "x.png"}})], "attachment (x.png)"),
]


@pytest.mark.parametrize(("content", "why"), UNSHOWABLE)
def test_content_that_a_customer_could_not_see_is_a_message_with_the_reason(content, why):
    value = only(notification(type="Structured", text=None, content=content))
    assert why in value.unshowable
    assert value.unshowable.endswith(".")
    assert value.genesys_message_id == "c327"
    assert len(value.unshowable) < 200


BLANKS = ["", " \n", "\u200b", "\u2800", "\ufeff", "\u3164\u00ad", "\u2060\ufe0f"]


@pytest.mark.parametrize("blank", [*BLANKS, None])
@pytest.mark.parametrize(
    "content",
    [
        lambda blank: {"quickReply": {"text": blank, "payload": "p"}},
        lambda blank: {"quickReplyV2": {"title": "Q", "actions": [{"text": "Yes"}, {"text": blank, "payload": "p"}]}},
        lambda blank: {"card": CARD | {"actions": [{"type": "Postback", "text": blank, "title": blank}]}},
        lambda blank: {"carousel": {"cards": [CARD, {"actions": [{"text": blank, "url": blank}]}]}},
        lambda blank: {"listPicker": {"sections": [{"listItems": [{"title": blank, "description": "d"}]}]}},
        lambda blank: date_picker((blank, 1800)),
        lambda blank: template("Hi", buttons=[{"type": "QuickReply", "text": blank}]),
    ],
)
def test_an_option_without_a_text_is_refused(content, blank):
    value = only(notification(text="Choose", content=[content(blank)]))
    assert value.unshowable == "An option to choose from has no text, so nothing was sent. Give it one and send again."


ATTACHMENT = {"contentType": "Attachment", "attachment": {"mediaType": "Image", "url": "https://a.test/1"}}
MISSHAPEN = [
    *[("content", {"content": each}) for each in (ATTACHMENT, {"0": ATTACHMENT}, "https://a.test/1", 5, True)],
    *[("text", {"text": each, "content": [ATTACHMENT]}) for each in ({"body": "Hi"}, ["Hi"])],
    ("actions", {"content": [{"card": CARD | {"actions": CARD["actions"][0]}}]}),
    ("actions", {"content": [{"quickReplyV2": {"title": "Q", "actions": ["Yes"]}}]}),
    ("cards", {"content": [{"carousel": {"cards": CARD}}]}),
    ("sections", {"content": [{"listPicker": {"sections": {"listItems": []}}}]}),
    ("listItems", {"content": [{"listPicker": {"sections": [{"listItems": {"title": "X"}}]}}]}),
    ("availableTimes", {"content": [{"datePicker": {"title": "T", "availableTimes": {"dateTime": "x"}}}]}),
    ("title", {"content": [{"card": {"title": {"text": "X"}, "description": "d"}}]}),
    ("url", {"content": [{"card": {"title": "X", "defaultAction": {"url": ["https://a.test"]}}}]}),
    ("defaultAction", {"content": [{"card": {"title": "X", "defaultAction": "https://a.test"}}]}),
    ("buttons", {"content": [template("Hi", buttons={"text": "Stop"})]}),
    ("header", {"content": [template("Hi", header="Hello")]}),
    ("attachment", {"content": [{"attachment": [ATTACHMENT["attachment"]], "text": {"body": "Hi"}}]}),
]


@pytest.mark.parametrize(("key", "fields"), MISSHAPEN)
def test_what_has_another_shape_than_genesys_writes_is_refused_and_not_left_out(key, fields):
    value = only(notification(**fields))
    assert value.unshowable is not None
    assert f"something else at `{key}`" in value.unshowable
    assert value.content["content"] == fields["content"]


@pytest.mark.parametrize("content", [{}, [], "", 0, False])
def test_a_text_beside_nothing_of_another_shape_is_sent(content):
    assert only(notification(content=content)).unshowable is None


@pytest.mark.parametrize("blank", BLANKS)
def test_a_text_that_nobody_sees_is_like_none(blank):
    assert only(notification(text=blank)).unshowable.startswith("The message is empty")
    assert only(notification(text=blank, content=[{"text": {"body": blank}}])).unshowable.startswith("The message is empty")
    beside = only(notification(text=blank, content=[ATTACHMENT]))
    assert (beside.text, beside.unshowable, len(beside.files)) == (None, None, 1)


def test_text_beside_what_cannot_be_shown_is_not_sent_alone():
    value = only(notification(text="See this", content=[{"contentType": "Form", "form": {}}]))
    assert (value.text, value.unshowable is None) == ("See this", False)


@pytest.mark.parametrize("fields", [{"text": None}, {"text": "", "content": []}, {"text": " \n", "content": [{}]}])
def test_empty_message_is_one_with_the_reason(fields):
    assert only(notification(**fields)).unshowable.startswith("The message is empty")


def test_message_is_found_by_the_channels_id_and_without_a_conversation():
    value = only(notification(id=None, conversationId=None))
    assert (value.genesys_message_id, value.conversation_id, value.recipient_id) == ("c327", None, "contact-1")


@pytest.mark.parametrize(
    "time", [None, "", "soon", "2026-99-01T00:00:00Z", 5, "0001-01-01T00:00:00+14:00", "2126-01-01T00:00:00Z"]
)
def test_garbage_time_gives_way_to_the_time_of_receipt(time):
    assert only(notification(channel={"time": time})).sent_at == NOW


NOBODYS = notification(text=None, channel=None, conversationId=None)
BROKEN = [{}, {"text": "no id"}, notification(id=None, channel={"to": {"id": "contact-1"}}), NOBODYS]


@pytest.mark.parametrize("broken", BROKEN)
def test_message_without_id_or_with_nothing_for_nobody_is_unusable(broken):
    value = only(broken)
    assert isinstance(value, Unusable)
    assert value.payload == broken


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"text"', b"\xff"])
def test_what_is_no_object_is_unreadable(body):
    with pytest.raises(Unreadable):
        parse_webhook(body, INTEGRATION, NOW)
