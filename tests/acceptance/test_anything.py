"""Whatever is sent to any door, none answers with a fault of its own, and nothing stays undone."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.installation import (
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed,
    status_report,
)
from tests.databases import Databases

BOUNDED = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.sampled_from(["", " ", "\x00", "\ud800", "\u202e", "null", "'; DROP TABLE messages; --", "../..", "%00", "x" * 9000]),
    st.sampled_from(["+919876543210", "inbound", "OUTBOUND", "sent", "READ", "wamid.known", "acme", "2026-11-20T12:00:00Z"]),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**4000, -(10**40), 2**63, 1e308, -0.0]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
STATE_FIELDS = [
    *("metaMessageId", "genesysMessageId", "conversationId", "tenantId", "direction", "status", "messageType", "mediaType"),
    *("mediaUrl", "content", "timestamp", "error", "conversation_id", "communication_id", "whatsapp_message_id"),
]


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A good document with some of its parts replaced, dropped or added."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if isinstance(document, dict):
        kept = {key: draw(mutated(item)) for key, item in document.items() if draw(st.integers(0, 14))}
        return kept | draw(st.dictionaries(TEXTS, VALUES, max_size=1))
    if isinstance(document, list):
        return [draw(mutated(item)) for item in document] + draw(st.lists(VALUES, max_size=1))
    return document


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """Its bytes, one time in four with some of them changed."""
    body = bytearray(json.dumps(draw(documents)).encode())
    if body and draw(st.integers(0, 3)) == 0:
        for _ in range(draw(st.integers(1, 4))):
            body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


WHATSAPP = st.sampled_from(
    [
        envelope(customer_message("wamid.fuzz", "15550100001", image={"id": "1", "caption": "c"})),
        envelope(status_report("wamid.known", "delivered", errors=[{"code": 1}], biz_opaque_callback_data="x")),
        envelope(customer_message("wamid.system", "15550100002", type="system", system={"type": "x", "wa_id": "1"})),
    ]
).flatmap(mutated)
GENESYS = st.just(
    agent_message("fuzz", "15550100001", content=[{"contentType": "Attachment", "attachment": {"url": "https://a"}}])
).flatmap(mutated)
STATE = st.dictionaries(st.sampled_from(STATE_FIELDS), VALUES, max_size=8) | mutated(
    {"metaMessageId": "wamid.fuzz", "conversationId": "known", "direction": "inbound", "status": "sent", "content": {"a": 1}}
)


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenant(sender="external", genesys_sender="external", settings={"correlation": "local"})
            internal = (await installation.state("GET", "/state/mapping/+919876543210")).json()["internalId"]
            known = {"metaMessageId": "wamid.known", "conversationId": internal}
            body = {**known, "direction": "outbound", "status": "queued"}
            assert (await installation.state("POST", "/state/message", body)).status_code == 201
            await installation.state(
                "POST", "/state/correlation", {"conversation_id": "known", "whatsapp_message_id": "wamid.known"}
            )
            yield installation


def check(answer: httpx2.Response) -> None:
    """2xx, or a refusal that says why."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]
        assert answer.json()["detail"]


@BOUNDED
@given(bodies=st.lists(damaged(STATE), min_size=4, max_size=8), tail=TEXTS)
async def test_data_plane_takes_any_body_without_a_fault(place: Installation, bodies: list[bytes], tail: str) -> None:
    """At once, so that good and bad ones share a batch."""
    headers = {"x-tenant-id": TENANT, "content-type": "application/json"}
    name = quote(tail.encode("utf-8", "surrogatepass"), safe="")
    calls = [("POST", "/state/message"), ("POST", "/state/correlation"), ("PATCH", "/state/message/wamid.known")]
    calls += [("PATCH", f"/state/message/{name}")]
    requests = [(*calls[number % len(calls)], body) for number, body in enumerate(bodies)]
    answers = await asyncio.gather(
        *(place.http.request(method, path, content=body, headers=headers) for method, path, body in requests)
    )
    for answer in answers:
        check(answer)


@BOUNDED
@given(tail=TEXTS, number=TEXTS, tenant=TEXTS)
async def test_look_ups_take_any_id_without_a_fault(place: Installation, tail: str, number: str, tenant: str) -> None:
    name, other = (quote(text.encode("utf-8", "surrogatepass"), safe="") for text in (tail, number))
    header = tenant.encode("utf-8", "surrogatepass").translate(None, b"\r\n\x00")
    for path in (f"/state/mapping/{name}", f"/state/mapping/919876543210?phoneNumberId={other}", f"/state/conversation/{name}"):
        check(await place.http.get(path, headers={b"x-tenant-id": header}))
        check(await place.state("GET", path))
    check(await place.http.get(f"/v1/messages/{name}/trace", headers={"x-tenant-id": TENANT}))


@BOUNDED
@given(bodies=st.lists(damaged(WHATSAPP), min_size=2, max_size=6), others=st.lists(damaged(GENESYS), max_size=3))
async def test_every_signed_webhook_is_accepted_whatever_is_in_it(
    place: Installation, bodies: list[bytes], others: list[bytes]
) -> None:
    answers = await asyncio.gather(*map(place.post_meta, bodies), *map(place.post_genesys, others))
    assert {answer.status_code for answer in answers} == {200}


async def test_what_was_sent_is_all_worked_off_with_a_reason_wherever_it_could_not_be_used(place: Installation) -> None:
    await place.settled(timeout=30)
    rows = await place.rows("SELECT state, outcome, attempts FROM webhook_ledger")
    assert len(rows) > 300
    assert {row["attempts"] for row in rows} == {1}
    for row in rows:
        assert row["state"] == ("rejected" if row["outcome"].get("rejected") else "done")
        for each in row["outcome"].get("rejected", []) + row["outcome"].get("dead_letters", []):
            assert each["reason"] in ("invalid_payload", "unknown_tenant", "mapping_not_found"), row["outcome"]
            assert each["message"]
    reasons = {row["reason"] for row in await place.rows("SELECT DISTINCT reason FROM dead_letters")}
    assert reasons <= {"invalid_payload", "mapping_not_found"}
    assert {row["state"] for row in rows} == {"done", "rejected"}
