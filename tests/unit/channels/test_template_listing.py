"""The list of templates is whole, or it is none: what is missing from it would count as deleted."""

from typing import Any

import httpx2
import pytest

from waystate.channels.model import AttemptResult
from waystate.channels.whatsapp.client import PAGES, GraphClient

NEXT = "https://elsewhere.example.test/steal"


async def listing(*answers: Any, account: str = "102") -> tuple[Any, list[httpx2.Request]]:
    """The last answer is given again and again."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        said = answers[min(len(seen), len(answers)) - 1]
        return said if isinstance(said, httpx2.Response) else httpx2.Response(200, json=said)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        found = await GraphClient(http).list_templates(
            api_url="https://graph.example.test/v24.0/", business_account_id=account, access_token="token"
        )
    return found, seen


def page(*names: str, after: str | None = None, is_last: bool = False) -> dict[str, Any]:
    paging = {"cursors": {"after": after}} | ({} if is_last else {"next": NEXT})
    return {"data": [{"name": name} for name in names], "paging": paging}


async def test_pages_follow_their_cursors_and_never_an_address():
    found, seen = await listing(page("a", "b", after="X=="), page("c", after="Y", is_last=True))
    assert [each["name"] for each in found] == ["a", "b", "c"]
    assert {request.url.host for request in seen} == {"graph.example.test"}
    assert [request.url.params.get("after") for request in seen] == [None, "X=="]
    assert [request.url.path for request in seen] == ["/v24.0/102/message_templates"] * 2
    assert seen[0].headers["authorization"] == "Bearer token"
    assert "components" in seen[0].url.params["fields"]


async def test_an_account_without_templates_has_none():
    assert (await listing({"data": []}))[0] == []


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([page("a", after="X"), httpx2.Response(500, json={"error": {"code": 1, "message": "too much"}})], 1),
        ([httpx2.Response(400, json={"error": {"code": 190, "message": "Error validating token"}})], 190),
        ([{"error": "none"}], "unreadable_answer"),
        ([httpx2.Response(200, content=b"<html>")], "unreadable_answer"),
        ([page("a", after="X"), {"data": None}], "unreadable_answer"),
        ([page("a", after="X")], "endless_list"),
    ],
)
async def test_a_list_that_is_not_whole_is_none(answers, code):
    found, _ = await listing(*answers)
    assert isinstance(found, AttemptResult)
    assert found.error is not None
    assert found.error["code"] == code


async def test_a_cursor_that_comes_again_ends_the_list():
    _, seen = await listing(page("a", after="X"))
    assert len(seen) == 2


async def test_a_list_that_goes_on_and_on_is_given_up():
    found, seen = await listing(*(page("a", after=str(n)) for n in range(PAGES + 10)))
    assert isinstance(found, AttemptResult)
    assert len(seen) == PAGES


async def test_an_account_cannot_lead_the_request_elsewhere():
    _, seen = await listing({"data": []}, account="102/../../me?x=")
    assert seen[0].url.raw_path.startswith(b"/v24.0/102%2F..%2F..%2Fme%3Fx%3D/message_templates?")
