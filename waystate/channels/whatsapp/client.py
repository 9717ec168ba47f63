"""The Graph API of the WhatsApp Cloud API. There is no idempotency key: nothing here sends twice."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import httpx2

from waystate.channels.attempts import find_document, get, post
from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import outcome_of
from waystate.channels.whatsapp.template_reports import LISTED_FIELDS
from waystate.documents import JsonObject

PAGE = 100
"""Templates a page: a definition may have some kilobytes, and of larger pages the Graph API says that they are too much."""
PAGES = 100
"""More than WhatsApp's 6,000 templates of an account take; a listing that goes on has no end."""
UPLOAD_TIME = 120.0
"""Seconds until a file that was sent whole is answered: WhatsApp looks at it first, and 100 MB take a while."""


class GraphClient:
    """`http` brings time-outs and pool; one instance serves all numbers."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def send(self, *, api_url: str, phone_number_id: str, access_token: str, body: JsonObject) -> AttemptResult:
        """POST one message. `api_url` ends with the API's version: `https://graph.facebook.com/v26.0`."""
        answer = await self._post_message(api_url, phone_number_id, access_token, body)
        if isinstance(answer, AttemptResult):
            return answer
        return outcome_of(answer.status_code, answer.content, answer.headers)

    async def mark_read(self, *, api_url: str, phone_number_id: str, access_token: str, body: JsonObject) -> AttemptResult:
        """As `send`, of a read mark: whatever is not known of it may be said again."""
        answer = await self._post_message(api_url, phone_number_id, access_token, body)
        if isinstance(answer, AttemptResult):
            return answer
        if answer.is_success:
            return AttemptResult(outcome=Outcome.SENT, http_status=answer.status_code)
        return outcome_of(answer.status_code, answer.content, answer.headers)

    async def _post_message(
        self, api_url: str, phone_number_id: str, access_token: str, body: JsonObject
    ) -> httpx2.Response | AttemptResult:
        url = f"{api_url.rstrip('/')}/{quote(phone_number_id, safe='')}/messages"
        return await post(self._http, url, json=body, headers={"Authorization": f"Bearer {access_token}"})

    async def upload_media(
        self,
        *,
        api_url: str,
        phone_number_id: str,
        access_token: str,
        mime_type: str,
        size: int,
        content: AsyncIterable[bytes],
    ) -> AttemptResult:
        """POST a file of `size` bytes, as it comes: `external_id` is WhatsApp's id of it, for 30 days.

        An upload shows nobody anything, so one whose answer was lost is `retry`. What `content` raises gets through.
        https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
        """
        url = f"{api_url.rstrip('/')}/{quote(phone_number_id, safe='')}/media"
        boundary = token_hex(16)
        head, tail = _form_around(boundary, mime_type)
        headers = {
            "Authorization": f"Bearer {access_token}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        timeout = httpx2.Timeout(**{**self._http.timeout.as_dict(), "read": UPLOAD_TIME})
        answer = await post(self._http, url, content=_between(head, content, tail), headers=headers, timeout=timeout)
        return _uploaded(answer)

    async def find_number(self, *, api_url: str, phone_number_id: str, access_token: str) -> JsonObject | AttemptResult:
        """What the platform says of the number that it knows by this id, or why it says nothing."""
        url = f"{api_url.rstrip('/')}/{quote(phone_number_id, safe='')}?fields=display_phone_number,verified_name"
        answer = await get(self._http, url, headers={"Authorization": f"Bearer {access_token}"})
        if isinstance(answer, AttemptResult):
            return answer
        return _document_of(answer)

    async def list_templates(self, *, api_url: str, business_account_id: str, access_token: str) -> list[Any] | AttemptResult:
        """Returns all templates of a business account as WhatsApp lists them, or why there is no whole list.

        Of a page only the cursor counts, never the address of the next one: the token goes to `api_url` alone.
        https://developers.facebook.com/docs/graph-api/results
        """
        url = f"{api_url.rstrip('/')}/{quote(business_account_id, safe='')}/message_templates"
        found: list[Any] = []
        cursors: set[str] = set()
        asked = {"fields": LISTED_FIELDS, "limit": str(PAGE)}
        for _ in range(PAGES):
            answer = await get(self._http, url, params=asked, headers={"Authorization": f"Bearer {access_token}"})
            page = answer if isinstance(answer, AttemptResult) else _document_of(answer)
            if isinstance(page, AttemptResult):
                return page
            listed = find_list(page, "data")
            if listed is None:
                return _not_listed("unreadable_answer", "the API answered without a list of templates")
            found += listed
            paging = find_object(page, "paging")
            after = find_text(find_object(paging, "cursors"), "after")
            if find_text(paging, "next") is None or after is None:
                return found
            if after in cursors:
                break
            cursors.add(after)
            asked = {**asked, "after": after}
        return _not_listed("endless_list", "the API's list of templates has no end")


def _form_around(boundary: str, mime_type: str) -> tuple[bytes, bytes]:
    """What stands before and after the file in a form of three fields (RFC 7578)."""
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("messaging_product", "whatsapp"), ("type", mime_type))
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\nContent-Type: {mime_type}\r\n\r\n'
    return (fields + file).encode(), f"\r\n--{boundary}--\r\n".encode()


async def _between(head: bytes, content: AsyncIterable[bytes], tail: bytes) -> AsyncIterator[bytes]:
    yield head
    async for chunk in content:
        yield chunk
    yield tail


def _uploaded(answer: httpx2.Response | AttemptResult) -> AttemptResult:
    if isinstance(answer, httpx2.Response):
        media_id = find_text(find_document(answer), "id")
        if media_id is not None:
            return AttemptResult(outcome=Outcome.SENT, http_status=answer.status_code, external_id=media_id)
        result = outcome_of(answer.status_code, answer.content, answer.headers)
    else:
        result = answer
    return replace(result, outcome=Outcome.RETRY) if result.outcome is Outcome.UNKNOWN else result


def _document_of(answer: httpx2.Response) -> JsonObject | AttemptResult:
    """What an answer says, or why it says nothing."""
    document = find_document(answer)
    if document is not None:
        return document
    if answer.is_success:
        return AttemptResult(outcome=Outcome.FAILED, http_status=answer.status_code, error={"code": "unreadable_answer"})
    result = outcome_of(answer.status_code, answer.content, answer.headers)
    return AttemptResult(outcome=Outcome.FAILED, http_status=result.http_status, error=result.error)


def _not_listed(code: str, message: str) -> AttemptResult:
    return AttemptResult(outcome=Outcome.FAILED, error={"code": code, "message": message})
