"""The Graph API of the WhatsApp Cloud API. There is no idempotency key: nothing here sends twice."""

from urllib.parse import quote

import httpx2

from waystate.channels.attempts import find_document, get, post
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import outcome_of
from waystate.documents import JsonObject


class GraphClient:
    """`http` brings time-outs and pool; one instance serves all numbers."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def send(self, *, api_url: str, phone_number_id: str, access_token: str, body: JsonObject) -> AttemptResult:
        """POST one message. `api_url` ends with the API's version: `https://graph.facebook.com/v24.0`."""
        url = f"{api_url.rstrip('/')}/{quote(phone_number_id, safe='')}/messages"
        answer = await post(self._http, url, json=body, headers={"Authorization": f"Bearer {access_token}"})
        if isinstance(answer, AttemptResult):
            return answer
        return outcome_of(answer.status_code, answer.content, answer.headers)

    async def find_number(self, *, api_url: str, phone_number_id: str, access_token: str) -> JsonObject | AttemptResult:
        """What the platform says of the number that it knows by this id, or why it says nothing."""
        url = f"{api_url.rstrip('/')}/{quote(phone_number_id, safe='')}?fields=display_phone_number,verified_name"
        answer = await get(self._http, url, headers={"Authorization": f"Bearer {access_token}"})
        if isinstance(answer, AttemptResult):
            return answer
        document = find_document(answer)
        if document is not None:
            return document
        if answer.is_success:
            return AttemptResult(outcome=Outcome.FAILED, http_status=answer.status_code, error={"code": "unreadable_answer"})
        result = outcome_of(answer.status_code, answer.content, answer.headers)
        return AttemptResult(outcome=Outcome.FAILED, http_status=result.http_status, error=result.error)
