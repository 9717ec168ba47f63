"""Pages of lists: which filters go with an order, and where the next page begins.

A caller carries that place from page to page as a cursor: opaque, and of use for the list alone that made it.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import Query

from waystate.documents import Unreadable, dump, parse
from waystate.errors import BadRequest

T = TypeVar("T")
Order = TypeVar("Order", bound=StrEnum)
_MAC = 12
"""Bytes: nobody can try 2^96 of them against a server."""
_LONGEST = 2000

After = Annotated[str | None, Query(max_length=_LONGEST, description="The `next` of the page before")]
"""A parameter of lists."""
Limit = Annotated[int, Query(ge=1, le=200)]
"""Of a page."""


class Cursors:
    """`key` is of the installation, so a cursor of one process is good at another."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, of: tuple[Any, ...], place: list[Any]) -> str:
        """`of` is what makes the list: tenant, operation, filters, order. `place` is where to go on, as JSON can write it."""
        told = dump(place).encode()
        return urlsafe_b64encode(self._mac(of, told) + told).decode().rstrip("=")

    def seal_next(self, of: tuple[Any, ...], found: Sequence[T], limit: int, place_of: Callable[[T], list[Any]]) -> str | None:
        """`found` is one more than the page where there are more: where its last one is, or None on the last page."""
        return self.seal(of, place_of(found[limit - 1])) if len(found) > limit else None

    def open(self, of: tuple[Any, ...], cursor: str) -> list[Any]:
        """Raises `cursor_invalid` for one that is broken, or of another list."""
        try:
            sealed = urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor[:_LONGEST]) % 4))
            mac, told = sealed[:_MAC], sealed[_MAC:]
            if hmac.compare_digest(mac, self._mac(of, told)):
                place = parse(told)
                if isinstance(place, list):
                    return place
        except (binascii.Error, ValueError, Unreadable):
            pass
        raise BadRequest(
            "cursor_invalid",
            "`after` is not the `next` of a page of this list. Take it as it came, with the same filters and order; or begin "
            "anew without it.",
        )

    def _mac(self, of: tuple[Any, ...], told: bytes) -> bytes:
        return hmac.digest(self._key, dump(list(of)).encode() + b"\0" + told, hashlib.sha256)[:_MAC]


def check_offered(sort: Order, given: frozenset[str], offered: Mapping[Order, frozenset[str]]) -> None:
    """Raises `sort_not_offered` where a filter does not go with the order, and says which does.

    `offered`: order → the filters that it can have.
    """
    wrong = sorted(given - offered[sort])
    if not wrong:
        return
    fitting = [each.value for each in offered if given <= offered[each]]
    advice = f"Sort by {' or '.join(fitting)}" if fitting else "Leave one of them out"
    raise BadRequest(
        "sort_not_offered",
        f"The order `{sort}` does not go with {', '.join(f'`{each}`' for each in wrong)}. {advice}: each list that is "
        "offered has an index of its own.",
        offered={each.value: sorted(filters) for each, filters in offered.items()},
    )
