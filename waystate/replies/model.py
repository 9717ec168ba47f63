"""A ready answer: a text with places to fill, found by its shortcut. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from waystate.documents import dump, is_name

LONGEST_SHORTCUT = 50
LONGEST_TEXT = 4096
"""Characters: what WhatsApp takes in one message, as written and as filled in."""
EDITABLE = ("shortcut", "title", "text", "queue_id")
_SPACES = re.compile(r"\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyReply:
    """`queue_id`: of which queue; None: of the whole tenant. `text` is Liquid."""

    id: UUID
    shortcut: str
    title: str | None
    text: str
    queue_id: UUID | None
    created_at: datetime
    edited_at: datetime


def fold_shortcut(text: str) -> str:
    """As it is stored and looked for: however it is typed, with the `/` before it or without."""
    return unicodedata.normalize("NFKC", text.strip().removeprefix("/")).casefold()


def is_shortcut(folded: str) -> bool:
    return 0 < len(folded) <= LONGEST_SHORTCUT and is_name(folded) and _SPACES.search(folded) is None and "/" not in folded


def changed_fields(before: ReadyReply, after: ReadyReply) -> list[str]:
    return [each for each in EDITABLE if getattr(before, each) != getattr(after, each)]


def etag_of(reply: ReadyReply) -> str:
    told = [getattr(reply, each) for each in EDITABLE]
    return f'"{sha256(dump(told).encode()).hexdigest()[:20]}"'
