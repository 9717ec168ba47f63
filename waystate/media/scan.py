"""The operator's own scanner, asked before a file is handed out to anybody."""

from collections.abc import AsyncIterator

import httpx2

from waystate.documents import clean_text, shorten
from waystate.media.model import HeldByScanner, MediaRecord, StoredObject, Unfetched
from waystate.media.objects import ObjectStore

CLEAN, REFUSED = 200, frozenset({406, 422})
_REASON = 500
"""Characters of what a scanner says."""


class Scanner:
    """`url` takes a POST of the file: 200 lets it pass, 406 or 422 holds it for the reason in the body, else it is asked again.

    ICAP and most scanners' own protocols are behind such an address with a few lines (docs/how-to/media.md).
    """

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url = url
        self._http = http

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
            content: AsyncIterator[bytes] = await objects.get(stored.object_key, 0, stored.size)
            answer = await self._http.post(self._url, content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise Unfetched("scanner_unavailable", f"The scanner does not answer: {type(error).__name__}.") from error
        if answer.status_code in REFUSED:
            said = shorten(clean_text(answer.text).strip(), _REASON)
            raise HeldByScanner(said or f"The scanner answered {answer.status_code} and gave no reason.")
        if answer.status_code != CLEAN:
            raise Unfetched("scanner_unavailable", f"The scanner answered {answer.status_code} instead of 200, 406 or 422.")
