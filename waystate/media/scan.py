"""The operator's own scanner, asked before a file is handed out to anybody."""

import asyncio
from collections.abc import AsyncIterator

import httpx2

from waystate.documents import clean_text, shorten
from waystate.media.model import HeldByScanner, MediaRecord, StoredObject, Unfetched
from waystate.media.objects import ObjectStore

CLEAN, REFUSED = 200, frozenset({406, 422})
_REASON, _READ = 500, 4096
"""Characters of what a scanner says, and the bytes that they are in."""
LONGEST = 300.0
"""Seconds: a file of 100 MB takes most scanners half a minute. Whoever is asked for it waits, and so does a place of 16."""


class Scanner:
    """`url` takes a POST of the file: 200 lets it pass, 406 or 422 holds it for the reason in the body, else it is asked again.

    ICAP and most scanners' own protocols are behind such an address with a few lines (docs/how-to/media.md).
    """

    def __init__(self, url: str, http: httpx2.AsyncClient, longest: float = LONGEST) -> None:
        """`longest`: seconds that one file may take, however slowly it is answered."""
        self._url = url
        self._http = http
        self._longest = longest

    async def close(self) -> None:
        await self._http.aclose()

    async def check(self, objects: ObjectStore, stored: StoredObject, file: MediaRecord) -> None:
        """Raises HeldByScanner, or Unfetched where nobody can tell."""
        headers = {
            "content-type": "application/octet-stream",
            "content-length": str(stored.size),
            "x-media-id": str(file.id),
            "x-media-type": (stored.mime_type or "").encode("ascii", "replace").decode(),
            "x-media-sha256": stored.sha256.hex(),
        }
        try:
            async with asyncio.timeout(self._longest):
                content: AsyncIterator[bytes] = await objects.get(stored.object_key, 0, stored.size)
                status, said = await self._ask(content, headers)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Unfetched("scanner_unavailable", f"The scanner does not answer: {type(error).__name__}.") from error
        if status in REFUSED:
            raise HeldByScanner(said or f"The scanner answered {status} and gave no reason.")
        if status != CLEAN:
            raise Unfetched("scanner_unavailable", f"The scanner answered {status} instead of 200, 406 or 422.")

    async def _ask(self, content: AsyncIterator[bytes], headers: dict[str, str]) -> tuple[int, str]:
        """The status, and of a refusal the beginning of what it says: an answer that goes on is not read to its end."""
        async with self._http.stream("POST", self._url, content=content, headers=headers) as answer:
            said = b""
            if answer.status_code in REFUSED:
                async for chunk in answer.aiter_bytes(_READ):
                    said += chunk
                    if len(said) >= _READ:
                        break
            return answer.status_code, shorten(clean_text(said.decode("utf-8", "replace")).strip(), _REASON)
