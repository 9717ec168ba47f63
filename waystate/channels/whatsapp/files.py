"""Customers' files at WhatsApp: what one is, by its id, and its bytes.

https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2

from waystate.channels.attempts import NOT_ALLOWED, find_document, get
from waystate.channels.fields import find_text
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import outcome_of
from waystate.documents import JsonObject
from waystate.egress import NotAllowed
from waystate.errors import WaystateError

HOSTS = ("graph.facebook.com", "lookaside.fbsbx.com")
"""Where WhatsApp hands out files, each with the number's token."""
UNUSABLE = "unusable_url"
LONGEST = 900.0
"""Seconds that a file may take: 100 MB at a tenth of a megabyte a second."""
READ = 64 * 1024
"""Bytes that are taken from the network at once."""


class FileRefused(WaystateError):
    """There is no file, or not all of it: `result` says why, and when to come back."""

    def __init__(self, result: AttemptResult) -> None:
        super().__init__(str((result.error or {}).get("message") or result.http_status))
        self.result = result

    @property
    def is_gone(self) -> bool:
        """The address leads nowhere any more, or never did for this token or for anybody; another one may."""
        is_unusable = (self.result.error or {}).get("code") in (NOT_ALLOWED, UNUSABLE)
        return is_unusable or self.result.http_status in (400, 401, 403, 404, 410)


class FileClient:
    """`http` brings time-outs, pool and hosts; it is another than the sends', so that files take no connection from them."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def close(self) -> None:
        await self._http.aclose()

    async def describe(self, *, api_url: str, media_id: str, phone_number_id: str | None, access_token: str) -> JsonObject:
        """`url` (which lives five minutes), `mime_type`, `sha256` (hexadecimal) and `file_size`. Raises FileRefused."""
        url = f"{api_url.rstrip('/')}/{quote(media_id, safe='')}"
        asked = {} if phone_number_id is None else {"phone_number_id": phone_number_id}
        answer = await get(self._http, url, params=asked, headers=_headers(access_token))
        if isinstance(answer, AttemptResult):
            raise FileRefused(answer)
        document = find_document(answer)
        if document is None or find_text(document, "url") is None:
            raise _refusal(answer.status_code, answer.content, answer.headers)
        return document

    async def read(self, url: str, access_token: str) -> AsyncIterator[bytes]:
        """The file's bytes as they come. Raises FileRefused: there are none, or they end too early."""
        try:
            async with asyncio.timeout(LONGEST), self._http.stream("GET", url, headers=_headers(access_token)) as answer:
                if not answer.is_success:
                    raise _refusal(answer.status_code, await _beginning(answer), answer.headers)
                async for chunk in answer.aiter_bytes(READ):
                    yield chunk
        except NotAllowed as error:
            raise _failure(Outcome.FAILED, NOT_ALLOWED, str(error)) from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
            # Its own words may quote the token.
            raise _failure(Outcome.FAILED, UNUSABLE, type(error).__name__) from None
        except httpx2.ConnectError as error:
            raise _failure(Outcome.RETRY, "not_connected", str(error)) from error
        except (httpx2.RequestError, TimeoutError) as error:
            raise _failure(Outcome.RETRY, "answer_lost", f"{type(error).__name__}: the file broke off") from error


def _headers(access_token: str) -> dict[str, str]:
    # What is hashed and stored are the file's own bytes, so nobody is to pack them on the way.
    return {"Authorization": f"Bearer {access_token}", "Accept-Encoding": "identity"}


async def _beginning(answer: httpx2.Response) -> bytes:
    """A refusal is short; of one that goes on, its beginning says enough."""
    async for chunk in answer.aiter_bytes(READ):
        return chunk
    return b""


def _refusal(status: int, body: bytes, headers: Any) -> FileRefused:
    if 200 <= status < 300:
        return _failure(Outcome.RETRY, "unreadable_answer", "WhatsApp's answer names no address of the file")
    return FileRefused(outcome_of(status, body, headers))


def _failure(outcome: Outcome, code: str, message: str) -> FileRefused:
    return FileRefused(AttemptResult(outcome=outcome, error={"code": code, "message": message}))
