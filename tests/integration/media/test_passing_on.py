"""An agent gets a customer's file once: in its message if it comes within the grace, else behind it."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx2
import pytest

from tests.integration.media.conftest import Place
from tests.integration.media.far_side import image
from tests.world import LANES, Business, World
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.lines import amendment_of
from waystate.deliveries.attachments import GRACE
from waystate.deliveries.missing import make_missing
from waystate.deliveries.model import Claimed, RefusedDelivery
from waystate.deliveries.resend import resend_many
from waystate.deliveries.send import ATTACHMENT_REFUSED, _send_message
from waystate.documents import JsonObject
from waystate.media.links import FOR_GENESYS, Links
from waystate.media.model import FileState
from waystate.media.scan import Scanner
from waystate.tenants import store as tenant_store
from waystate.tenants.model import GenesysIntegration, Tenant, TenantSettings
from waystate.trace.trace import trace

CONTENT = b"\xff\xd8 not quite an image" * 50
SENT = AttemptResult(outcome=Outcome.SENT)
ORIGIN = "https://waystate.example"


@pytest.fixture(autouse=True)
def links(world: World) -> Links:
    world.links = Links(bytes(32), ORIGIN)
    return world.links


def files_in(request: JsonObject) -> list[str]:
    return [each["attachment"]["id"] for each in request.get("content", [])]


async def send_due(place: Place, business: Business) -> list[JsonObject]:
    """What reaches Genesys now, in order."""
    sent: list[JsonObject] = []
    while claimed := await place.world.deliver(business):
        sent += [each.request for each in claimed]
        await place.world.settle(business, *((each, SENT) for each in claimed))
    return sent


async def test_a_file_that_is_there_goes_along_with_its_message(place: Place, tenant: Business, links: Links) -> None:
    media = place.side.add("m1", CONTENT, filename="a.jpg", caption="My receipt")
    (event,) = await place.receive(tenant, image(tenant, media, "wamid.1", text="My receipt"))
    await place.fetch()
    (request,) = await send_due(place, tenant)
    file = await place.file(tenant)
    address = links.address(tenant.tenant, file.id, place.world.clock.now + FOR_GENESYS)
    assert request["text"] == "[image: a.jpg] My receipt"
    assert request["content"] == [
        {
            "contentType": "Attachment",
            "attachment": {
                "id": event.media["file_id"],
                "mediaType": "Image",
                "url": address,
                "mime": "image/jpeg",
                "filename": "a.jpg",
                "sha256": file.sha256.hex(),
            },
        }
    ]
    assert await send_due(place, tenant) == []


async def test_a_message_waits_for_its_file_and_no_longer_than_it_takes(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    assert await send_due(place, tenant) == []
    place.world.clock.forward(seconds=1)
    await place.fetch()
    (request,) = await send_due(place, tenant)
    assert (request["channel"]["messageId"], len(files_in(request))) == ("wamid.1", 1)


async def test_a_file_that_comes_too_late_follows_once(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    assert await send_due(place, tenant) == []
    place.world.clock.forward(seconds=GRACE.total_seconds())
    (line,) = await send_due(place, tenant)
    assert (line["channel"]["messageId"], files_in(line)) == ("wamid.1", [])
    await place.fetch()
    (follow_up,) = await send_due(place, tenant)
    assert (follow_up["channel"]["messageId"], len(files_in(follow_up))) == ("wamid.1:file", 1)
    assert "text" not in follow_up
    assert await send_due(place, tenant) == []
    assert await place.world.value(tenant, "SELECT status FROM messages") == "processed"


async def test_other_customers_and_texts_do_not_wait_and_the_customers_order_is_kept(place: Place, tenant: Business) -> None:
    with_file = image(tenant, place.side.add("m1", CONTENT), "wamid.1")
    await place.receive(tenant, with_file, tenant.message("wamid.2"), tenant.message("wamid.3", wa_id="491700000009"))
    assert [each["channel"]["messageId"] for each in await send_due(place, tenant)] == ["wamid.3"]
    await place.fetch()
    assert [each["channel"]["messageId"] for each in await send_due(place, tenant)] == ["wamid.1", "wamid.2"]


@pytest.mark.parametrize("ending", ["failed", "held"])
async def test_a_message_does_not_wait_for_a_file_that_does_not_come(place: Place, tenant: Business, ending: str) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", b"x" * 101 * 2**20 if ending == "failed" else CONTENT)))
    assert await send_due(place, tenant) == []
    refusing = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(422, text="EICAR found")))
    await place.fetch(place.process(Scanner("http://scanner/", refusing)))
    assert (await place.file(tenant)).state == ending
    (request,) = await send_due(place, tenant)
    assert files_in(request) == []


async def test_the_trace_says_what_a_message_waits_for_and_whether_its_file_went_along(place: Place, tenant: Business) -> None:
    async def traced() -> JsonObject:
        return await trace(tenant.tenant, tenant.settings, "wamid.1", place.world.db, place.world.clock)

    (event,) = await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    await send_due(place, tenant)
    assert (await traced())["why"].startswith("It waits for its file, until 2026-03-02T12:00:05")
    place.world.clock.forward(seconds=GRACE.total_seconds())
    await send_due(place, tenant)
    line = await traced()
    assert line["filePassedOn"] is False
    assert f"GET /v1/media/{event.media['file_id']}" in line["why"]
    await place.fetch()
    await send_due(place, tenant)
    whole = await traced()
    assert (whole["filePassedOn"], whole["status"]) == (True, "processed")
    hops = [hop["what"] for hop in whole["hops"]]
    assert "accepted by genesys_file: the file, behind its message" in hops
    assert "accepted by genesys as text, without its file" in hops


async def test_of_an_attempt_whose_answer_was_lost_the_file_follows(place: Place, tenant: Business) -> None:
    """Genesys may have the message, and would take one with the file for its repeat."""
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    await place.world.relay(tenant)
    place.world.clock.forward(seconds=GRACE.total_seconds())
    (claimed,) = await place.world.claim(tenant)
    await place.world.settle(tenant, (claimed, AttemptResult(outcome=Outcome.UNKNOWN)))
    await place.fetch()
    place.world.clock.forward(minutes=1)
    sent = await send_due(place, tenant)
    assert [(each["channel"]["messageId"], len(files_in(each))) for each in sent] == [("wamid.1", 0), ("wamid.1:file", 1)]


@pytest.mark.parametrize("said", ["setting", "no address", "loopback"])
async def test_without_attachments_a_message_is_its_line_and_waits_for_nothing(
    place: Place, world: World, tenant: Business, said: str
) -> None:
    if said == "setting":
        settings = TenantSettings(genesys_attachments=False)
        async with world.db.work() as conn:
            await tenant_store.upsert_many(conn, [Tenant(id=tenant.tenant, name="acme", settings=settings)])
        world.directory.clear()
    else:
        world.links = Links(bytes(32), None if said == "no address" else "http://127.0.0.1:3005")
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    (request,) = await send_due(place, tenant)
    assert files_in(request) == []
    await place.fetch()
    assert await send_due(place, tenant) == []


async def test_a_refused_file_is_a_dead_letter_of_its_own_and_costs_the_message_nothing(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    await place.world.relay(tenant)
    place.world.clock.forward(seconds=GRACE.total_seconds())
    await send_due(place, tenant)
    await place.fetch()
    (claimed,) = await place.world.deliver(tenant)
    refused = AttemptResult(outcome=Outcome.FAILED, http_status=400, error={"title": "Media type not allowed"})
    await place.world.settle(tenant, (claimed, refused))
    assert await place.world.value(tenant, "SELECT status FROM messages") == "processed"
    letter = await place.world.row(tenant, "SELECT origin, original_payload FROM dead_letters")
    assert letter["original_payload"]["target"] == "genesys_file"
    # It is sent again by itself, though its message arrived.
    refused_file = RefusedDelivery.model_validate(letter["original_payload"])
    async with place.world.db.tenant(tenant.tenant) as conn:
        view = await place.world.view(tenant)
        again = await resend_many(conn, tenant.tenant, view, {"file": refused_file}, place.world.clock(), lanes=LANES)
    assert again == {"file": True}
    (request,) = await send_due(place, tenant)
    assert (request["channel"]["messageId"], len(files_in(request))) == ("wamid.1:file", 1)


@pytest.mark.parametrize("is_there", [True, False])
async def test_the_net_under_the_relay_passes_files_on_too(
    place: Place, world: World, tenant: Business, is_there: bool
) -> None:
    async def look() -> int:
        return await make_missing(world.db, world.directory, tenant.tenant, lanes=LANES, links=world.links)

    await place.receive(tenant, tenant.message("wamid.0"))
    await send_due(place, tenant)
    await look()
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    await world.relay(tenant)
    await world.execute(tenant, "DELETE FROM deliveries WHERE request #>> '{channel,messageId}' = 'wamid.1'")
    if is_there:
        await place.fetch()
        assert await send_due(place, tenant) == []
    assert await look() == 1
    if not is_there:
        assert await send_due(place, tenant) == []
        await place.fetch()
    (request,) = await send_due(place, tenant)
    assert (request["channel"]["messageId"], len(files_in(request))) == ("wamid.1", 1)


@pytest.mark.parametrize("seed", range(30))
async def test_however_they_race_the_file_reaches_the_agent_once(
    place: Place, world: World, tenant: Business, seed: int
) -> None:
    """Relay, courier and fetching run at once, in any order of their steps."""
    random = Random(seed)
    messages = [
        image(tenant, place.side.add(f"m{n}", CONTENT + bytes([n])), f"wamid.{n}", wa_id=f"4917{n:08}") for n in range(6)
    ]
    sent: list[JsonObject] = []

    async def courier() -> None:
        for _ in range(12):
            await asyncio.sleep(random.random() / 100)
            world.clock.forward(seconds=random.choice([0, 1, 2]))
            claimed: Sequence[Claimed] = await world.claim(tenant)
            sent.extend(each.request for each in claimed)
            if claimed:
                await world.settle(tenant, *((each, SENT) for each in claimed))

    async def relaying() -> None:
        for _ in range(12):
            await asyncio.sleep(random.random() / 100)
            await world.relay(tenant)

    async def fetching() -> None:
        for _ in range(4):
            await asyncio.sleep(random.random() / 25)
            await place.worker.step(set(), sweep=True)
        await place.fetch()

    await place.receive(tenant, *messages)
    await asyncio.gather(courier(), relaying(), fetching())
    world.clock.forward(seconds=60)
    sent += await send_due(place, tenant)
    lines = [each["channel"]["messageId"] for each in sent if "text" in each]
    assert sorted(lines) == sorted(each.wamid for each in messages)
    files = [name for each in sent for name in files_in(each)]
    assert sorted(files) == sorted(str(each.id) for each in await place.files(tenant))


async def test_an_integration_that_refuses_the_file_gets_the_line(tenant: Business) -> None:
    asked: list[Any] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 3600})
        asked.append("content" in request.read().decode())
        if asked[-1]:
            return httpx2.Response(400, json={"code": "bad.request", "message": "media type not allowed"})
        return httpx2.Response(200, json={"id": "at-genesys"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        integration = Integration.of(
            GenesysIntegration(
                integration_id="i", region="mypurecloud.de", client_id="c", client_secret="s", webhook_secret="w" * 20
            )
        )
        body = {"channel": {}, "text": "[image]", "content": [{}]}
        result = await _send_message(GenesysClient(http), integration, body, prefetch=True)
    assert asked == [True, False]
    assert (result.outcome, result.external_id, result.error) == (Outcome.SENT, "at-genesys", ATTACHMENT_REFUSED)


async def test_a_file_that_comes_after_its_message_was_taken_back_reaches_nobody(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT), "wamid.1"))
    place.world.clock.forward(seconds=GRACE.total_seconds())
    assert len(await send_due(place, tenant)) == 1
    content = {"original_message_id": "wamid.1"}
    taken_back = tenant.message("wamid.2", type="revoke", content=content, amends=amendment_of("revoke", content))
    await place.receive(tenant, taken_back)
    await place.fetch()
    assert [files_in(each) for each in await send_due(place, tenant)] == [[]], "the line that says so"
    assert ((await place.file(tenant)).state, await place.keys()) == (FileState.FAILED, [])
    assert [each["code"] for each in await place.told(tenant, "media.failed")] == ["revoked"]
    assert await place.told(tenant, "media.stored") == []


async def test_an_agent_reads_the_name_that_the_file_is_saved_under(place: Place, tenant: Business) -> None:
    media = place.side.add("m1", CONTENT, filename="a/b\u202egpj.exe")
    await place.receive(tenant, image(tenant, media))
    await place.fetch()
    (request,) = await send_due(place, tenant)
    assert request["content"][0]["attachment"]["filename"] == "a_b_gpj.exe"
