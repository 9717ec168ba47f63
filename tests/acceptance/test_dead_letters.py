"""What could not be used is listed with its reason, and replayed, once, after the cause was mended."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings

from tests.acceptance.installation import (
    BY_HAND,
    NUMBER,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.acceptance.test_anything import mutated
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.keys import store as key_store
from waystate.web.metrics import parse_metrics

PHONE = "15550100001"
BULK = {"filter": {"reason": "lock_timeout", "since": "2026-01-01T00:00:00Z"}, "limit": 1, "after": str(UUID(int=7))}


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), **BY_HAND) as installation:
            async with installation.app.db.tenant(TENANT) as conn:
                _, key = await key_store.create_key(conn, TENANT, "acceptance", utc_now())
            installation.http.headers["x-api-key"] = key
            yield installation


async def listed(place: Installation, **query: str) -> list[dict[str, Any]]:
    answer = await place.http.get("/v1/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def replay(place: Installation, letter: str) -> httpx2.Response:
    return await place.http.post(f"/v1/dead-letters/{letter}/replay")


async def test_answer_to_a_customer_nobody_knows_is_sent_when_it_is_replayed_after_he_wrote(place: Installation) -> None:
    for _ in range(3):
        assert (await place.post_genesys(agent_message("too-early", PHONE, "Good day"))).status_code == 200
    await place.settled()
    letters = await listed(place, status="open")
    assert {letter["reason"] for letter in letters} == {"mapping_not_found"}
    letter = letters[0]
    assert letter["pipeline"] == "outbound"
    assert "No conversation is known" in letter["errorMessage"]
    assert letter["originalPayload"]["text"] == "Good day"

    early = await replay(place, letter["id"])
    assert (early.status_code, early.json()["code"]) == (409, "mapping_not_found")
    assert "Mend the cause" in early.json()["detail"]

    at = int(utc_now().timestamp())
    await place.post_meta(envelope(customer_message("wamid.late-customer", PHONE, at=at)))
    await place.settled()
    answers = await asyncio.gather(*(replay(place, each["id"]) for each in letters for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * len(letters) + [409] * (4 * len(letters))
    assert sum(answer.json()["events"] for answer in answers if answer.status_code == 200) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"dead_letter_settled"}

    async def is_read() -> bool:
        return bool(await place.value("SELECT status FROM messages WHERE genesys_message_id = 'too-early'") == "read")

    await until(is_read)
    assert place.far is not None
    sends = (await place.far.get("/simulator/messages", params={"customer": PHONE})).json()["customers"][0]["whatsappGot"]
    assert [(each["text"], len(each["wamids"])) for each in sends] == [("Good day", 1)]
    assert await listed(place, status="open") == []
    assert {each["status"] for each in await listed(place)} == {"replayed"}


async def test_list_is_paged_and_filtered_and_refuses_what_it_does_not_know(place: Installation) -> None:
    for number in range(5):
        await place.post_genesys(agent_message(f"stray-{number}", f"1555999{number:04d}"))
        await place.settled()
    newest = [each["originalPayload"]["genesys_message_id"] for each in await listed(place, status="open")]
    assert newest == [f"stray-{number}" for number in reversed(range(5))]
    pages: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = (await place.http.get("/v1/dead-letters", params={"status": "open", "limit": "2", **before})).json()
        pages += [each["originalPayload"]["genesys_message_id"] for each in page["items"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert pages == newest
    assert await listed(place, reason="window_closed") == []
    assert len(await listed(place, status="open", pipeline="outbound", reason="mapping_not_found")) == 5
    for wrong in ({"status": "lost"}, {"limit": "0"}, {"limit": "501"}, {"before": "x"}, {"reason": "\x00"}, {"pipeline": "x"}):
        answer = await place.http.get("/v1/dead-letters", params=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), wrong


async def call(place: Installation, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = await place.http.request(method, f"/v1/dead-letters{path}", json=body)
    return answer.status_code, answer.json()


async def bury_bad_messages(place: Installation, *wamids: str, number: str = NUMBER) -> list[str]:
    """Customers' messages that name no sender; the ids of their dead letters, oldest first."""
    before = {each["id"] for each in await listed(place)}
    await place.post_meta(envelope({"messages": [{"id": wamid, "type": "text"} for wamid in wamids]}, number=number))
    await place.settled()
    return sorted(each["id"] for each in await listed(place) if each["id"] not in before)


def mended(wamid: str, wa_id: str = "15550107777") -> dict[str, Any]:
    sent_at = "2026-11-20T12:00:00Z"
    return {"wamid": wamid, "phone_number_id": NUMBER, "wa_id": wa_id, "sent_at": sent_at, "text": "mended"}


async def test_letter_is_read_mended_and_replayed_and_says_what_happened_to_it(place: Installation) -> None:
    (letter,) = await bury_bad_messages(place, "wamid.mend")
    status, read = await call(place, "GET", f"/{letter}")
    assert (status, read["status"], read["editedPayload"], read["retryCount"]) == (200, "open", None, 0)
    assert "Edit the payload" in read["whatToDo"]

    status, refusal = await call(place, "POST", f"/{letter}/replay")
    assert (status, refusal["code"]) == (422, "payload_unusable")
    assert "wamid" in {each["field"] for each in refusal["errors"]}
    wrong = mended("wamid.mend") | {"sent_at": "yesterday"}
    status, refusal = await call(place, "PATCH", f"/{letter}", {"originalPayload": wrong})
    assert (status, [each["field"] for each in refusal["errors"]]) == (422, ["sent_at"])
    assert "yesterday" not in str(refusal)

    status, edited = await call(place, "PATCH", f"/{letter}", {"originalPayload": mended("wamid.mend")})
    assert (status, edited["editedPayload"], edited["originalPayload"]) == (
        200,
        mended("wamid.mend"),
        read["originalPayload"],
    )
    assert (edited["retryCount"], edited["lastReason"], edited["lastActor"]["kind"]) == (1, "invalid_payload", "key")
    status, answer = await call(place, "POST", f"/{letter}/replay")
    assert (status, answer["outcome"], answer["events"]) == (200, "replayed", 1)
    await place.settled()
    assert await place.value("SELECT status FROM messages WHERE wamid = 'wamid.mend'") == "processed"
    for method, path, body in (
        ("PATCH", "", {"originalPayload": mended("wamid.mend")}),
        ("POST", "/replay", None),
        ("POST", "/discard", None),
    ):
        assert (await call(place, method, f"/{letter}{path}", body))[1]["code"] == "dead_letter_settled"


async def test_many_are_replayed_page_by_page_each_with_its_outcome(place: Installation) -> None:
    wamids = [f"wamid.many-{number}" for number in range(5)]
    letters = await bury_bad_messages(place, *wamids)
    for number, letter in enumerate(letters):
        if number != 2:
            status, _ = await call(place, "PATCH", f"/{letter}", {"originalPayload": mended(wamids[number])})
            assert status == 200
    await place.post_meta(envelope(customer_message(wamids[3], "15550107777")))
    await place.settled()
    wanted = {"reason": "invalid_payload", "pipeline": "inbound"}
    outcomes: list[tuple[str, str | None]] = []
    body: dict[str, Any] = {"filter": wanted, "limit": 2}
    while True:
        status, page = await call(place, "POST", "/replay", body)
        assert status == 200
        outcomes += [(each["outcome"], each["reason"]) for each in page["results"]]
        if page["next"] is None:
            break
        assert page["next"] in page["message"]
        body["after"] = page["next"]
    failed = ("failed", "invalid_payload")
    assert outcomes == [("replayed", None), ("replayed", None), failed, ("already_done", None), ("replayed", None)]
    assert page["openTotal"] == (await call(place, "GET", "?limit=1"))[1]["openTotal"] >= 1
    await place.settled()
    sent = await place.rows("SELECT wamid FROM messages WHERE wamid LIKE 'wamid.many-%' AND text = 'mended' ORDER BY id")
    assert [row["wamid"] for row in sent] == [wamids[0], wamids[1], wamids[4]]

    unknown = "01900000-0000-7000-8000-000000000000"
    status, page = await call(place, "POST", "/replay", {"ids": [*letters, unknown]})
    assert page["counts"] == {"not_open": 4, "failed": 1, "not_found": 1}
    status, page = await call(place, "POST", "/discard", {"ids": [letters[2], letters[0]], "note": "no sender, no use"})
    assert page["counts"] == {"discarded": 1, "not_open": 1}
    _, read = await call(place, "GET", f"/{letters[2]}")
    assert (read["status"], read["note"], read["retryCount"]) == ("discarded", "no sender, no use", 2)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/replay", {}),
        ("POST", "/replay", {"ids": [], "filter": None}),
        ("POST", "/replay", {"ids": ["x"]}),
        ("POST", "/replay", {"ids": ["01900000-0000-7000-8000-000000000000"], "filter": {}}),
        ("POST", "/replay", {"ids": ["01900000-0000-7000-8000-000000000000"] * 1001}),
        ("POST", "/replay", {"filter": {}, "limit": 1001}),
        ("POST", "/replay", {"filter": {"reason": "\x00"}}),
        ("POST", "/replay", {"filter": {"since": "2026-01-01T00:00:00"}}),
        ("POST", "/replay", {"everything": True}),
        ("POST", "/discard", {"filter": {}, "note": "x" * 1001}),
        ("POST", "/replay", []),
        ("PATCH", "/01900000-0000-7000-8000-000000000000", {"originalPayload": "x"}),
        ("GET", "/x", None),
        ("GET", "?since=yesterday", None),
        ("GET", "?since=2026-01-01T00:00:00", None),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_the_field(place: Installation, method: str, path: str, body: Any) -> None:
    status, answer = await call(place, method, path, body)
    assert (status, answer["code"]) == (422, "invalid_request"), answer
    assert answer["errors"]


async def test_bodies_that_are_no_documents_are_refused(place: Installation) -> None:
    for raw in (b"", b"{", b"\xff", b"[" * 100_000, b'{"ids": ' + b"9" * 5000 + b"}"):
        for path in ("/replay", "/discard"):
            answer = await place.http.post(f"/v1/dead-letters{path}", content=raw, headers=JSON)
            assert answer.status_code in (400, 422), answer.text
    (letter,) = await bury_bad_messages(place, "wamid.odd")
    odd = json.dumps({"originalPayload": mended("wamid.odd") | {"text": "a\x00b\ud800", "content": {"n": float("nan")}}})
    answer = await place.http.patch(f"/v1/dead-letters/{letter}", content=odd.encode("ascii"), headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["editedPayload"]["text"] == "a\ufffdb\ufffd"
    assert (await call(place, "POST", f"/{letter}/replay"))[0] == 200


async def test_filters_by_time_and_ages_before_time_began(place: Installation) -> None:
    (letter,) = await bury_bad_messages(place, "wamid.timed")
    created = (await call(place, "GET", f"/{letter}"))[1]["createdAt"]
    for query, found in (
        ({"since": "2020-01-01T00:00:00Z"}, True),
        ({"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}, True),
        ({"until": "1960-01-01T00:00:00Z"}, False),
        ({"since": "2099-01-01T00:00:00+02:00"}, False),
        ({"since": f"{created[:10]}T00:00:00Z"}, True),
    ):
        assert (letter in {each["id"] for each in await listed(place, **query)}) is found, query
    assert (await call(place, "POST", f"/{letter}/discard", {"note": "over"}))[0] == 200


async def test_open_ones_are_counted_by_reason_for_an_alarm(place: Installation) -> None:
    query = "SELECT count(*) FROM dead_letters WHERE status = 'open' AND reason = 'invalid_payload'"
    (letter,) = await bury_bad_messages(place, "wamid.counted")

    async def is_told(**said: float) -> bool:
        metrics = parse_metrics((await place.http.get("/metrics")).text)
        counted = metrics.get(("waystate_open_dead_letters", (("reason", "invalid_payload"),)))
        return bool(counted == await place.value(query) == said["open"])

    before = await place.value(query)
    await until(lambda: is_told(open=before))
    await call(place, "POST", f"/{letter}/discard")
    await until(lambda: is_told(open=before - 1))


JSON = {"content-type": "application/json"}
FUZZED = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@FUZZED
@given(payload=mutated({**mended("wamid.fuzz"), "content": {"a": 1}, "media": {"id": "1"}}), bulk=mutated(BULK))
async def test_no_payload_and_no_selection_is_answered_with_a_fault(place: Installation, payload: Any, bulk: Any) -> None:
    """Whatever an edit lets through, its replay has an outcome."""
    open_ones = await listed(place, status="open", limit="1") or [{"id": (await bury_bad_messages(place, f"w.{uuid4()}"))[0]}]
    path = f"/v1/dead-letters/{open_ones[0]['id']}"
    for method, url, body in (
        ("PATCH", path, {"originalPayload": payload}),
        ("POST", f"{path}/replay", None),
        ("POST", "/v1/dead-letters/replay", bulk),
        ("POST", "/v1/dead-letters/discard", bulk),
    ):
        content = b"" if body is None else json.dumps(body).encode()
        answer = await place.http.request(method, url, content=content, headers=JSON)
        assert answer.status_code < 500, answer.text
        assert answer.status_code < 400 or answer.json()["code"]
