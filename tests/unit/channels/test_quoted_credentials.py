"""A platform that quotes our credentials in its refusal does not get them into our tables and answers."""

from typing import Any

import httpx2
import pytest

from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.whatsapp.client import GraphClient

TOKEN, SECRET = "EAAB-the-access-token", "the-client-secret"


def quoting(status: int) -> httpx2.AsyncClient:
    def answer(request: httpx2.Request) -> httpx2.Response:
        said = f"Malformed access token {request.headers['authorization']} ({SECRET}, {TOKEN})"
        headers = {"content-encoding": "identity", "retry-after": "7"}
        return httpx2.Response(status, headers=headers, json={"error": {"code": 190, "message": said}, "message": said})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_a_refusal_loses_the_access_token_and_keeps_its_words(status: int) -> None:
    result = await GraphClient(quoting(status)).send(
        api_url="https://graph.example/v1", phone_number_id="1", access_token=TOKEN, body={"to": "1"}
    )
    assert result.error is not None
    assert TOKEN not in repr(result)
    assert "Malformed access token Bearer …" in result.error["message"]


async def test_a_refusal_of_the_login_loses_the_clients_secret() -> None:
    integration = Integration(
        integration_id="1", api_url="https://a.example", login_url="https://l.example", client_id="c", client_secret=SECRET
    )
    body: Any = {"text": "Hello"}
    result = await GenesysClient(quoting(401)).send_message(integration=integration, body=body)
    assert result.error is not None
    assert SECRET not in repr(result)
    assert result.error["message"].startswith("Malformed access token Basic … (…")
