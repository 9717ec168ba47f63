"""Fields that several nouns let people edit: short texts, tags, documents of one's own."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from waystate.documents import JsonObject, clean_tag, clean_text, dump

MOST_TAGS = 50
LONGEST_TAG = 64
MOST_BYTES = 16_384
"""Of a document, as JSON."""


def check_text(text: str) -> str:
    """Without what cannot be stored. Raises ValueError for what is empty."""
    cleaned = clean_text(text).strip()
    if not cleaned:
        raise ValueError("is empty; leave it out, or send null to take it away")
    return cleaned


def _check_tag(text: str) -> str:
    cleaned = clean_tag(text)
    if not cleaned:
        raise ValueError("a tag is empty")
    return cleaned


def _check_size(document: JsonObject) -> JsonObject:
    if len(dump(document).encode()) > MOST_BYTES:
        raise ValueError(f"is longer than {MOST_BYTES} bytes of JSON")
    return document


ShortText = Annotated[str, Field(max_length=200), AfterValidator(check_text)]
Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG), AfterValidator(_check_tag)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS)]
OwnDocument = Annotated[dict[str, Any], AfterValidator(_check_size)]
