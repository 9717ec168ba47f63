"""What agents and bots at Genesys send beside text: one example of each kind of structured message.

Source: the platform SDK's ConversationMessageContent and the models of its fields; Genesys' pages of Open Messaging's
outbound structured messages. Agents write text and attach files; bots, flows and canned responses send the rest.
"""

from typing import Any, NamedTuple

from waystate.documents import JsonObject


class Example(NamedTuple):
    """`text` stands at the top of the message."""

    text: str | None
    content: list[JsonObject]


def _action(text: str, **fields: Any) -> JsonObject:
    return {"type": "Postback", "text": text, "payload": text.lower(), **fields}


def _reply(text: str) -> JsonObject:
    return {"text": text, "payload": text.lower(), "action": "Message"}


_CUP = {
    "title": "Blue cup",
    "description": "Holds 300 ml",
    "image": "https://shop.example/cup.png",
    "defaultAction": {"type": "Link", "url": "https://shop.example/cups"},
    "actions": [_action("Order it"), {"type": "Link", "text": "See it", "url": "https://shop.example/cup"}],
}
_BOWL = {"title": "Red bowl", "description": "Holds a litre", "actions": [_action("Order the bowl")]}
_SIZES = [{"id": "small", "title": "Small", "subtitle": "200 ml"}, {"id": "large", "title": "Large", "subtitle": "300 ml"}]
_TIMES = [{"dateTime": "2026-12-01T12:00:00.000Z", "duration": 1800}, {"dateTime": "2026-12-02T09:30:00.000Z"}]

EXAMPLES: dict[str, Example] = {
    "quick_replies": Example(
        "Do you want to go on?",
        [{"contentType": "QuickReply", "quickReply": _reply(text)} for text in ("Yes", "No")],
    ),
    "many_quick_replies": Example(
        "Which day suits you?",
        [
            {"contentType": "QuickReply", "quickReply": _reply(text)}
            for text in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
        ],
    ),
    "quick_reply_v2": Example(
        None,
        [
            {
                "contentType": "QuickReplyV2",
                "quickReplyV2": {"title": "Do you want to go on?", "actions": [_reply("Yes"), _reply("No")]},
            }
        ],
    ),
    "card": Example(None, [{"contentType": "Card", "card": _CUP}]),
    "carousel": Example(None, [{"contentType": "Carousel", "carousel": {"cards": [_CUP, _BOWL]}}]),
    "date_picker": Example(
        None,
        [
            {
                "contentType": "DatePicker",
                "datePicker": {
                    "title": "When would you be available?",
                    "subtitle": "Pick a date and a time",
                    "availableTimes": _TIMES,
                },
            }
        ],
    ),
    "list_picker": Example(
        None,
        [
            {
                "contentType": "ListPicker",
                "listPicker": {
                    "id": "sizes",
                    "sections": [{"title": "Size", "multipleSelection": False, "items": _SIZES}],
                    "receivedMessage": {"title": "Which size?", "subtitle": "Both are in stock"},
                    "replyMessage": {"title": "Thank you"},
                },
            }
        ],
    ),
    "template": Example(
        "Hi Ann, it left today.",
        [
            {
                "contentType": "Notification",
                "template": {
                    "id": "order_left",
                    "language": "en_US",
                    "header": {"type": "Text", "text": "Your order"},
                    "body": {"text": "Hi {{1}}, it left today.", "parameters": [{"name": "1", "text": "Ann"}]},
                    "footer": {"text": "Example Ltd"},
                },
            }
        ],
    ),
}
"""By the name that `POST /simulator/genesys/conversations/{…}/messages` knows it under."""
