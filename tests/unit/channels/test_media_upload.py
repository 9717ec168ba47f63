"""Uploading a file to WhatsApp: the form it goes in, and what each answer means."""

from email import policy
from email.parser import BytesParser

import httpx2
import pytest

from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient

CONTENT = b"\xff\xd8\xff" + b"x" * 5000


async def chunks(content: bytes = CONTENT, size: int = 1000):
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def upload(answer, content=None) -> AttemptResult:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        return await GraphClient(http).upload_media(
            api_url="https://graph.example.test/v26.0/",
            phone_number_id="106",
            access_token="token",
            mime_type="image/jpeg",
            size=len(CONTENT),
            content=content or chunks(),
        )


async def test_upload_is_the_documented_form_of_a_known_length():
    seen = []

    async def answer(request):
        seen.append((request, await request.aread()))
        return httpx2.Response(200, json={"id": "777"})

    assert await upload(answer) == AttemptResult(outcome=Outcome.SENT, http_status=200, external_id="777")
    ((request, body),) = seen
    assert str(request.url) == "https://graph.example.test/v26.0/106/media"
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in request.headers
    form = BytesParser(policy=policy.HTTP).parsebytes(
        b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + body
    )
    parts = {each.get_param("name", header="content-disposition"): each for each in form.iter_parts()}
    assert parts["messaging_product"].get_payload(decode=True) == b"whatsapp"
    assert parts["type"].get_payload(decode=True) == b"image/jpeg"
    assert parts["file"].get_payload(decode=True) == CONTENT
    assert (parts["file"].get_content_type(), parts["file"].get_filename()) == ("image/jpeg", "file")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx2.Response(200, text="<html>"),
        lambda _: httpx2.Response(500, json={"error": {"code": 131000, "message": "Something went wrong"}}),
        lambda _: httpx2.Response(502, text="bad gateway"),
    ],
)
async def test_upload_whose_answer_tells_nothing_is_made_again(answer):
    assert (await upload(answer)).outcome is Outcome.RETRY


@pytest.mark.parametrize("error", [httpx2.ReadTimeout(""), httpx2.ConnectError(""), httpx2.RemoteProtocolError("")])
async def test_upload_whose_answer_is_lost_is_made_again(error):
    def answer(_):
        raise error

    assert (await upload(answer)).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    ("status", "code", "outcome", "kind"),
    [
        (400, 131053, Outcome.FAILED, "request"),
        (400, 100, Outcome.FAILED, "request"),
        (401, 190, Outcome.FAILED, "auth"),
        (400, 130429, Outcome.RETRY, "throttle"),
    ],
)
async def test_refused_upload_goes_by_the_table_of_errors(status, code, outcome, kind):
    result = await upload(lambda _: httpx2.Response(status, json={"error": {"code": code, "message": f"(#{code}) no"}}))
    assert (result.outcome, result.error["code"], result.error["kind"]) == (outcome, code, kind)


async def test_what_the_file_raises_gets_through():
    async def broken():
        yield b"\xff\xd8"
        raise FileNotFoundError("gone")

    async def answer(request):
        await request.aread()
        return httpx2.Response(200, json={"id": "777"})

    with pytest.raises(FileNotFoundError):
        await upload(answer, broken())
