"""Where the next page of a list begins, as a caller carries it: opaque, and of use for the list alone that made it."""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from waystate.documents import Unreadable, dump, parse
from waystate.errors import BadRequest

_MAC = 12
"""Bytes: nobody can try 2^96 of them against a server."""
_LONGEST = 2000


class Cursors:
    """`key` is of the installation, so a cursor of one process is good at another."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, of: tuple[Any, ...], place: list[Any]) -> str:
        """`of` is what makes the list: tenant, operation, filters, order. `place` is where to go on, as JSON can write it."""
        told = dump(place).encode()
        return urlsafe_b64encode(self._mac(of, told) + told).decode().rstrip("=")

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
