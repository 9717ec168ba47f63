"""Calls to a provider are bounded in time, size and direction, whatever answers."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.servers.identity_provider import CLIENT, SECRET, Provider, identity_provider
from waystate.errors import Unavailable
from waystate.ids import TenantId
from waystate.sign_on.attempt import begin
from waystate.sign_on.discovery import METADATA_TTL, Discovery

ATTEMPT = begin(TenantId("acme"), "x", CLIENT, datetime(2026, 1, 1, tzinfo=UTC), redirect_uri="http://localhost/callback")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
async def test_an_answer_that_drips_is_given_up(provider: Provider, path: str) -> None:
    discovery = Discovery(["127.0.0.1"], timeout=0.4)
    provider.faults = {f"slow {path}"}
    started = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        metadata = await discovery.metadata_of(provider.issuer)
        await discovery.keys_of(metadata)
        await discovery.redeem(metadata, ATTEMPT, "code", SECRET)
    assert refused.value.code == "identity_provider_unreachable"
    assert time.monotonic() - started < 2
    await discovery.close()


async def test_a_provider_inside_is_called_only_if_the_operator_lists_it(provider: Provider) -> None:
    discovery = Discovery()
    with pytest.raises(Unavailable) as refused:
        await discovery.metadata_of(provider.issuer)
    assert (refused.value.code, provider.paths) == ("identity_provider_unusable", [])
    assert "EGRESS_HOSTS" in refused.value.detail
    assert "127.0.0.1" not in refused.value.detail
    await discovery.close()


async def test_a_document_is_read_once_in_a_while_however_many_ask(provider: Provider) -> None:
    passed = 0.0
    discovery = Discovery(["127.0.0.1"], monotonic=lambda: passed)
    await asyncio.gather(*(discovery.metadata_of(provider.issuer) for _ in range(20)))
    assert len(provider.paths) == 1
    passed = METADATA_TTL + 1
    await discovery.metadata_of(provider.issuer)
    assert len(provider.paths) == 2
    await discovery.close()


async def test_a_provider_over_tls_cannot_send_secrets_anywhere_without_it() -> None:
    document: dict[str, Any] = {
        "issuer": "https://idp.example.com",
        "authorization_endpoint": "https://idp.example.com/authorize",
        "token_endpoint": "http://localhost:9200/token",
        "jwks_uri": "https://idp.example.com/keys",
    }
    discovery = Discovery(
        http=httpx2.AsyncClient(
            transport=httpx2.MockTransport(
                lambda _: httpx2.Response(200, stream=httpx2.ByteStream(json.dumps(document).encode()))
            )
        )
    )
    with pytest.raises(Unavailable, match="no https URL"):
        await discovery.metadata_of("https://idp.example.com")


async def test_a_compressed_answer_is_not_unpacked() -> None:
    """A thousandth of its size would pass every limit."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(b"\x1f\x8b"))

    discovery = Discovery(http=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))
    with pytest.raises(Unavailable, match="compresses"):
        await discovery.metadata_of("https://idp.example.com")
    assert asked[0].headers["accept-encoding"] == "identity"
    assert "cookie" not in asked[0].headers


async def test_no_proxy_of_the_environment_is_used(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    discovery = Discovery(["127.0.0.1"])
    assert (await discovery.metadata_of(provider.issuer)).issuer == provider.issuer
    await discovery.close()


async def test_no_cookie_of_a_provider_is_sent_back() -> None:
    """One host may serve many tenants."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404, headers={"set-cookie": "tracked=1; Path=/"}, stream=httpx2.ByteStream(b"{}"))

    discovery = Discovery(http=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))
    for _ in range(2):
        with pytest.raises(Unavailable, match="is not there"):
            await discovery.metadata_of("https://idp.example.com")
    assert len(asked) == 2
    assert all("cookie" not in each.headers for each in asked)
