import json
from datetime import UTC, datetime

import pytest

from waystate.channels.genesys.parse import parse_webhook
from waystate.channels.model import Ignored, Unusable
from waystate.documents import Unreadable
from waystate.messages.model import OutboundMessage

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
        assert item.value.text, name
        assert item.value.conversation_id == "d06cb41e-f938-4dcf-b823-c8af1a39d7e5", name
        assert item.value.recipient_id in {"abcdef12345@socialmedia", "spaces/3CeK98AAAAE"}, name
        assert item.value.sent_at.year in {2021, 2025}, name


def test_corpus_events_receipts_and_echoes_are_ignored(corpus):
    for name, body in corpus.files(
        "genesys/outbound_event", "genesys/inbound_event", "genesys/receipt", "genesys/inbound_text"
    ):
        (item,) = parse_webhook(body, INTEGRATION, NOW).items
        assert isinstance(item.value, Ignored), name
    assert only(notification(type="Event", text=None, events=[{"eventType": "Typing"}])).what == "Typing"


def test_attachment_is_named_and_its_address_is_in_the_text(corpus):
    (_, body), *_ = corpus.files("genesys/outbound_attachment")
    value = parse_webhook(body, INTEGRATION, NOW).items[0].value
    url = "https://api-downloads.usw2.pure.cloud/api/v2/downloads/pce1234456"
    assert (value.type, value.text) == ("audio", url)
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
        "When?\n1. 2025-05-30T12:00:00Z",
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
        "Hi Happy\nHello",
    ),
    ("T", [{"contentType": "Form", "form": {}}], "T\n[Form]"),
]


@pytest.mark.parametrize(("text", "content", "expected"), STRUCTURED)
def test_structured_content_is_written_out_with_numbered_options(text, content, expected):
    value = only(notification(type="Structured", text=text, content=content))
    assert (value.type, value.text) == ("structured", expected)
    assert value.content["content"] == content
    assert value.content.get("text") == text


def test_message_is_found_by_the_channels_id_and_without_a_conversation():
    value = only(notification(id=None, conversationId=None))
    assert (value.genesys_message_id, value.conversation_id, value.recipient_id) == ("c327", None, "contact-1")


@pytest.mark.parametrize(
    "time", [None, "", "soon", "2026-99-01T00:00:00Z", 5, "0001-01-01T00:00:00+14:00", "2126-01-01T00:00:00Z"]
)
def test_garbage_time_gives_way_to_the_time_of_receipt(time):
    assert only(notification(channel={"time": time})).sent_at == (
        NOW if time != 5 else datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    )


@pytest.mark.parametrize("broken", [{}, notification(text=None), notification(text="", content=[]), {"text": "no id"}])
def test_message_without_id_or_content_is_unusable(broken):
    value = only(broken)
    assert isinstance(value, Unusable)
    assert value.payload == broken


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"text"', b"\xff"])
def test_what_is_no_object_is_unreadable(body):
    with pytest.raises(Unreadable):
        parse_webhook(body, INTEGRATION, NOW)
