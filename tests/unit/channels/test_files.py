"""Customers' files are loaded from WhatsApp's own hosts alone, and what a refusal says names no token."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from waystate.channels.whatsapp.files import HOSTS, FileClient, FileRefused
from waystate.egress import open_to_hosts

TOKEN = "EAAG-secret"
PLACE = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1"


async def resolve_inside(host: str, port: int) -> list[str]:
    return ["169.254.169.254"]


async def read(client: FileClient, url: str) -> bytes:
    return b"".join([chunk async for chunk in client.read(url, TOKEN)])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/file",
        "https://lookaside.fbsbx.com.evil.example/file",
        "http://lookaside.fbsbx.com/file",
        "https://127.0.0.1/file",
        "https://[::1]/file",
        "https://169.254.169.254/latest/meta-data",
        "http://localhost:5432/",
        PLACE,  # whose name leads inside
    ],
)
async def test_the_token_goes_to_whatsapps_hosts_on_the_internet_alone(url: str) -> None:
    async with open_to_hosts(HOSTS, (), timeout=5.0, resolve=resolve_inside) as http:
        with pytest.raises(FileRefused) as refused:
            await read(FileClient(http), url)
    assert refused.value.result.error is not None
    assert refused.value.result.error["code"] == "address_not_allowed"


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "lookaside.fbsbx.com", "https://", "gopher://x/"])
async def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    async with open_to_hosts(HOSTS, (), timeout=5.0, resolve=resolve_inside) as http:
        with pytest.raises(FileRefused):
            await read(FileClient(http), url)


async def test_no_redirect_is_followed() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": "https://evil.example/"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(FileRefused) as refused:
            await read(FileClient(http), PLACE)
    assert refused.value.result.http_status == 302


async def test_a_refusal_that_does_not_end_is_read_no_further_than_its_beginning() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 65_536

    transport = httpx2.MockTransport(lambda _: httpx2.Response(503, content=endless()))
    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(FileRefused):
            await read(FileClient(http), PLACE)
    assert sent < 5


async def test_a_file_comes_as_it_is_and_unpacked_by_nobody() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, content=b"\x1f\x8b as it is")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        assert await read(FileClient(http), PLACE) == b"\x1f\x8b as it is"
    assert asked[0].headers["accept-encoding"] == "identity"
    assert asked[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"url": ""}', b'{"url": {"a": 1}}'])
async def test_a_description_without_an_address_is_asked_again(body: bytes) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body))
    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(FileRefused) as refused:
            await FileClient(http).describe(
                api_url="https://graph.facebook.com/v26.0", media_id="../me", phone_number_id="1", access_token=TOKEN
            )
    assert refused.value.result.error is not None
    assert refused.value.result.error["code"] == "unreadable_answer"
