"""What simulated customers send beside text: messages of every type, and what they do to messages afterwards."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Literal, get_args

from waystate.documents import JsonObject
from waystate.simulator.journal import Journal, Recent
from waystate.simulator.media import MediaStore
from waystate.simulator.offers import Offers
from waystate.simulator.sentences import full_name, question

SimulatedType = Literal[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "button",
    "button_reply",
    "list_reply",
    "form",
    "order",
    "ad",
    "forwarded",
    "reaction",
    "edit",
    "revoke",
    "unsupported",
]
EVERY_TYPE: Mapping[SimulatedType, float] = dict.fromkeys(get_args(SimulatedType), 1.0) | {
    "text": 30.0,
    "image": 4.0,
    "audio": 3.0,
}
"""Weights: about half is text."""

_FILES = {
    "image": ("image/png", "cup.png"),
    "video": ("video/mp4", "unboxing.mp4"),
    "audio": ("audio/ogg", "voice.ogg"),
    "document": ("application/pdf", "invoice-77.pdf"),
    "sticker": ("image/webp", "hello.webp"),
}
WITHOUT_FILES: Mapping[SimulatedType, float] = {kind: weight for kind, weight in EVERY_TYPE.items() if kind not in _FILES}
_CAPTIONED = frozenset({"image", "video", "document"})
_EMOJIS = ("👍", "❤️", "😂", "🙏", "😮")
_PLACES = (
    ("Café Central", 48.2104, 16.3655),
    ("Brandenburger Tor", 52.5163, 13.3777),
    ("Avenida Paulista", -23.5614, -46.6559),
)
_GOODS = (("cup-blue", 12.5), ("cup-red", 12.5), ("teapot", 49.0))


class Mix:
    """Draws what a customer sends next. What would need an earlier message that is not there is a text.

    A tap is on what the customer was offered last, and on something made up where that is nothing. `number` is the business's.
    """

    def __init__(self, journal: Journal, media: MediaStore, offers: Offers, number: str, random: Random) -> None:
        self._journal = journal
        self._media = media
        self._offers = offers
        self._number = number
        self._random = random
        self._files: dict[str, str] = {}
        self._texts: Recent[str, str] = Recent(100_000)
        """Each customer's newest text, by its wamid; not one that was taken back."""
        self._makers: dict[SimulatedType, Callable[[], JsonObject]] = {
            "location": self._location,
            "contacts": self._contacts,
            "order": self._order,
            "button": lambda: {"type": "button", "button": {"text": "Stop", "payload": "unsubscribe"}},
            "button_reply": lambda: _interactive("button_reply", {"id": "yes-1", "title": "Yes"}),
            "list_reply": lambda: _interactive("list_reply", {"id": "express", "title": "Express", "description": "Next day"}),
            "form": lambda: _interactive(
                "nfm_reply", {"name": "flow", "body": "Sent", "response_json": '{"size":"L","flow_token":"t"}'}
            ),
            "unsupported": lambda: {
                "type": "unsupported",
                "unsupported": {"type": "poll_creation"},
                "errors": [{"code": 131051, "title": "Message type unknown"}],
            },
        }

    def draw(self, customer: str, number: int, weights: Mapping[SimulatedType, float]) -> JsonObject:
        """A message object without ids, the `number`th of the customer."""
        (kind,) = self._random.choices(list(weights), list(weights.values()))
        if kind in _FILES:
            return self._file(kind)
        if kind in ("button_reply", "list_reply") and (offer := self._offers.find(customer)):
            return offer.tap(self._random.choice(offer.options), self._number)
        if kind in self._makers:
            return self._makers[kind]()
        if kind == "reaction" and (named := self._journal.newest_sent.get(customer) or self._texts.get(customer)):
            emoji = self._random.choice((*_EMOJIS, ""))
            return {"type": "reaction", "reaction": {"message_id": named, "emoji": emoji}}
        text = question(self._random, number)
        if kind in ("edit", "revoke") and (named := self._texts.get(customer)):
            if kind == "revoke":
                del self._texts[customer]
                return {"type": "revoke", "revoke": {"original_message_id": named}}
            changed = {"type": "text", "text": {"body": f"{text} (corrected)"}}
            return {"type": "edit", "edit": {"original_message_id": named, "message": changed}}
        message: JsonObject = {"type": "text", "text": {"body": text}}
        if kind == "forwarded":
            message["context"] = {"forwarded": True}
        elif kind == "ad":
            ad = {"source_type": "ad", "source_id": "120", "source_url": "https://ads.example/1", "headline": "Chat with us"}
            message["referral"] = ad | {"ctwa_clid": "Aff-1"}
        return message

    def saw(self, customer: str, wamid: str, message: JsonObject) -> None:
        """That message left under this wamid."""
        if message["type"] == "text":
            self._texts[customer] = wamid

    def _file(self, kind: str) -> JsonObject:
        """All of a kind are one file, which Waystate can fetch as it fetches a real one."""
        type, name = _FILES[kind]
        known = self._files.get(kind)
        if known is None or self._media.find(known) is None:
            known = self._files[kind] = self._media.add(type, b"simulated " + kind.encode()).id
        file: JsonObject = {"id": known, "mime_type": type}
        if kind in _CAPTIONED and self._random.random() < 0.5:
            file["caption"] = "Is this the right one?"
        if kind == "document":
            file["filename"] = name
        if kind == "audio":
            file["voice"] = True
        return {"type": kind, kind: file}

    def _location(self) -> JsonObject:
        name, latitude, longitude = self._random.choice(_PLACES)
        return {"type": "location", "location": {"name": name, "latitude": latitude, "longitude": longitude}}

    def _contacts(self) -> JsonObject:
        card = {"name": {"formatted_name": full_name(self._random)}, "phones": [{"phone": "+1 555 010 0199", "type": "CELL"}]}
        return {"type": "contacts", "contacts": [card]}

    def _order(self) -> JsonObject:
        items = [
            {"product_retailer_id": name, "quantity": self._random.randint(1, 3), "item_price": price, "currency": "EUR"}
            for name, price in self._random.sample(_GOODS, 2)
        ]
        return {"type": "order", "order": {"catalog_id": "55", "product_items": items}}


def _interactive(kind: str, reply: JsonObject) -> JsonObject:
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}
