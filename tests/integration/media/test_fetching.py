"""A customer's file is fetched beside its message: whatever fails, the message is there, and the file follows once."""

import asyncio
import hashlib
from datetime import timedelta
from io import BytesIO

import httpx2
import pytest
from PIL import Image

from tests.integration.media.conftest import Place
from tests.integration.media.far_side import PLACE, image
from tests.world import Business, World
from waystate.channels.whatsapp.files import HOSTS
from waystate.egress import open_to_hosts
from waystate.media.model import KEPT_BY_WHATSAPP, FileState
from waystate.media.worker import AT_ONCE, CLAIM, OF_A_TENANT, RENEW
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Quotas, Tenant

CONTENT = b"\xff\xd8 not quite an image" * 500


def unavailable() -> httpx2.Response:
    return httpx2.Response(503, text="upstream connect error")


async def test_a_file_is_fetched_by_its_id_and_stored_as_it_is(place: Place, tenant: Business) -> None:
    (event,) = await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT, filename="a.jpg")))
    assert event.media["file_id"]
    await place.fetch()
    file = await place.file(tenant)
    assert str(file.id) == event.media["file_id"]
    assert (file.state, file.size, file.sha256) == (FileState.STORED, len(CONTENT), hashlib.sha256(CONTENT).digest())
    assert await place.objects.get_bytes(file.object_key) == CONTENT
    assert (file.mime_type, file.filename, file.message_id) == ("image/jpeg", "a.jpg", event.message_id)
    (told,) = await place.told(tenant, "media.stored")
    assert (told["file_id"], told["size"], told["wamid"]) == (str(file.id), len(CONTENT), event.wamid)
    assert place.side.descriptions == ["m1"]
    assert place.side.tokens == {"Bearer token"}


async def test_the_webhooks_own_address_is_taken_while_it_lives(place: Place, tenant: Business) -> None:
    media = place.side.add("m1", CONTENT, url=f"{PLACE}/?mid=m1")
    await place.receive(tenant, image(tenant, media))
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED
    assert place.side.descriptions == []


@pytest.mark.parametrize("late", [False, True])
async def test_an_address_that_is_over_is_not_the_end_of_the_file(place: Place, tenant: Business, late: bool) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT, url=f"{PLACE}/?mid=over")))
    if late:
        place.world.clock.forward(minutes=5)
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED
    assert place.side.loads == (["m1"] if late else ["over", "m1"])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://cdn.example/1", "https://", "\u2028", "http://[::1/"])
async def test_an_address_that_nobody_may_load_is_not_the_end_of_the_file_either(
    place: Place, tenant: Business, url: str
) -> None:
    judging = open_to_hosts(HOSTS, (), timeout=1.0)
    known = place.side.client()

    async def through(request: httpx2.Request) -> httpx2.Response:
        client = known if request.url.host in HOSTS else judging
        return await client.send(request)

    async with judging, known, httpx2.AsyncClient(transport=httpx2.MockTransport(through)) as http:
        place.client._http = http
        await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT, url=url)))
        await place.fetch()
        file = await place.file(tenant)
    assert (file.state, file.attempts, file.error) == (FileState.STORED, 1, None)


async def test_of_an_address_that_ends_meanwhile_another_is_asked_once(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.trouble.append(
        lambda request: httpx2.Response(404) if "lookaside" in request.url.host and len(place.side.loads) == 1 else None
    )
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED
    assert (place.side.descriptions, place.side.loads) == (["m1", "m1"], ["m1", "m1"])


async def test_a_download_that_fails_ten_times_costs_no_message_and_doubles_nothing(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.fail(10, unavailable)
    pauses = []
    for attempt in range(1, 11):
        await place.fetch()
        file = await place.file(tenant)
        assert (file.state, file.attempts, file.error["code"]) == (FileState.WAITING, attempt, "503")
        assert await place.world.value(tenant, "SELECT status FROM messages") == "received"
        pauses.append((file.due_at - place.world.clock.now).total_seconds())
        place.world.clock.now = file.due_at
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    await place.fetch()
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED
    assert len(await place.told(tenant, "media.stored")) == 1
    assert len(await place.keys()) == 1


@pytest.mark.parametrize("told_by", ["webhook", "api"])
async def test_what_is_not_what_it_is_said_to_be_is_refused_and_tried_again(
    place: Place, tenant: Business, told_by: str
) -> None:
    media = place.side.add("m1", CONTENT)
    if told_by == "api":
        del media["sha256"]
    await place.receive(tenant, image(tenant, media))
    place.side.trouble.append(
        lambda request: (
            httpx2.Response(200, content=CONTENT[:-1])
            if "lookaside" in request.url.host and len(place.side.loads) == 1
            else None
        )
    )
    await place.fetch()
    file = await place.file(tenant)
    assert (file.state, file.error["code"]) == (FileState.WAITING, "wrong_hash")
    assert await place.keys() == []
    place.world.clock.now = file.due_at
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED


async def test_a_file_that_breaks_off_leaves_nothing_and_comes_again(place: Place, tenant: Business) -> None:
    async def broken_off():
        yield CONTENT[:2000]
        raise httpx2.ReadError("gone")

    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.trouble.append(
        lambda request: (
            httpx2.Response(200, content=broken_off())
            if "lookaside" in request.url.host and len(place.side.loads) == 1
            else None
        )
    )
    await place.fetch()
    file = await place.file(tenant)
    assert (file.state, file.error["code"], await place.keys()) == (FileState.WAITING, "answer_lost", [])
    place.world.clock.now = file.due_at
    await place.fetch()
    assert (await place.file(tenant)).state is FileState.STORED


async def test_after_seven_days_it_is_given_up_and_told(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.fail(10_000, unavailable)
    while (file := await place.file(tenant)).state is FileState.WAITING:
        place.world.clock.now = file.due_at
        await place.fetch()
    assert place.world.clock.now - file.created_at <= KEPT_BY_WHATSAPP
    assert place.world.clock.now - file.created_at > KEPT_BY_WHATSAPP - timedelta(hours=2)
    assert (file.state, file.error["code"], file.error["last"]["code"]) == (FileState.FAILED, "expired", "503")
    (told,) = await place.told(tenant, "media.failed")
    assert told["code"] == "expired"
    assert await place.world.value(tenant, "SELECT status FROM messages") == "received"


async def test_a_killed_process_gives_the_file_to_the_next(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.gate.clear()
    dead = place.process()
    await dead.step(set(), sweep=True)
    await asyncio.sleep(0.05)
    await place.fetch()
    assert len(place.side.loads) == 1  # while the claim lasts it is nobody else's
    place.world.clock.forward(seconds=CLAIM.total_seconds())
    place.side.gate.set()
    await place.fetch()
    await dead.finish_running()
    file = await place.file(tenant)
    assert (file.state, file.attempts) == (FileState.STORED, 2)
    # Who was overtaken changed nothing, and left nothing behind.
    assert await place.keys() == [file.object_key]
    assert file.object_key.endswith("/2")
    assert len(await place.told(tenant, "media.stored")) == 1


async def test_a_long_download_keeps_its_claim(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.gate.clear()
    await place.worker.step(set(), sweep=True)
    for _ in range(6):
        place.world.clock.forward(seconds=RENEW.total_seconds())
        await place.worker.step(set(), sweep=True)
        await place.process().step(set(), sweep=True)
    place.side.gate.set()
    await place.worker.finish_running()
    file = await place.file(tenant)
    assert (file.state, file.attempts) == (FileState.STORED, 1)


async def test_a_process_that_stops_gives_back_what_it_has(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    place.side.gate.clear()
    running = asyncio.create_task(place.worker.run())
    await asyncio.wait_for(place.side.reached.wait(), 10)
    place.worker.stop()
    await running
    place.side.gate.set()
    await place.fetch(place.process())
    assert (await place.file(tenant)).state is FileState.STORED


async def test_many_processes_fetch_each_file_once(place: Place, tenant: Business) -> None:
    messages = [image(tenant, place.side.add(f"m{n}", CONTENT + bytes([n]))) for n in range(60)]
    await place.receive(tenant, *messages)
    await asyncio.gather(*(place.fetch(place.process()) for _ in range(3)))
    assert sorted(place.side.loads) == sorted(f"m{n}" for n in range(60))
    assert {each.state for each in await place.files(tenant)} == {FileState.STORED}


async def test_a_bounded_number_is_fetched_at_once_and_no_tenant_takes_all(
    place: Place, world: World, tenant: Business
) -> None:
    other = await world.add("beta", number="2002", app_id="app-2")
    for business in (tenant, other):
        await place.receive(business, *(image(business, place.side.add(f"{business.tenant}{n}", CONTENT)) for n in range(40)))
    place.side.gate.clear()
    await place.worker.step(set(), sweep=True)
    await asyncio.sleep(0.1)
    assert place.side.most_at_once == AT_ONCE
    assert sum(each.startswith("beta") for each in place.side.loads) == OF_A_TENANT
    place.side.gate.set()
    await place.fetch()
    assert {each.state for each in await place.files(other)} == {FileState.STORED}


async def test_a_repeat_of_the_webhook_makes_no_second_file(place: Place, tenant: Business) -> None:
    message = image(tenant, place.side.add("m1", CONTENT), "wamid.same")
    for _ in range(3):
        await place.receive(tenant, message, message)
    await place.fetch()
    assert len(await place.files(tenant)) == 1


async def test_what_waystate_cannot_fetch_is_described_as_before(place: Place, tenant: Business) -> None:
    (event,) = await place.receive(tenant, image(tenant, {"url": "https://elsewhere.example/1.jpg"}))
    assert event.media == {"url": "https://elsewhere.example/1.jpg"}
    assert await place.files(tenant) == []


async def test_a_tenant_over_its_quota_keeps_the_message_and_says_what_to_do(
    place: Place, world: World, tenant: Business
) -> None:
    full = Tenant(id=tenant.tenant, name="acme", quotas=Quotas(storage_bytes=1_000_000))
    async with world.db.work() as conn:
        await tenant_store.upsert_many(conn, [full])
    world.directory.clear()
    for n in range(2):
        await place.receive(tenant, image(tenant, place.side.add(f"m{n}", bytes([n]) * 600_000)))
        await place.fetch()
    first, second = await place.files(tenant)
    assert (first.state, second.state, second.error["code"]) == (FileState.STORED, FileState.FAILED, "storage_full")
    assert await place.keys() == [first.object_key]
    assert [each["code"] for each in await place.told(tenant, "media.failed")] == ["storage_full"]


async def test_two_that_end_at_once_do_not_take_the_same_room(place: Place, world: World, tenant: Business) -> None:
    async with world.db.work() as conn:
        await tenant_store.upsert_many(conn, [Tenant(id=tenant.tenant, name="acme", quotas=Quotas(storage_bytes=1_000_000))])
    world.directory.clear()
    await place.receive(tenant, *(image(tenant, place.side.add(f"m{n}", bytes([n]) * 600_000)) for n in range(4)))
    await place.fetch()
    states = sorted(each.state for each in await place.files(tenant))
    assert states == [FileState.FAILED] * 3 + [FileState.STORED]
    assert len(await place.keys()) == 1


async def test_images_get_a_thumbnail_and_nothing_of_the_camera(place: Place, tenant: Business) -> None:
    photo = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (1600, 800), "red").save(photo, "JPEG", exif=exif)
    await place.receive(tenant, image(tenant, place.side.add("m1", photo.getvalue())))
    await place.fetch()
    file = await place.file(tenant)
    small = await place.objects.get_bytes(file.thumbnail_key)
    with Image.open(BytesIO(small)) as picture:
        assert (picture.format, picture.size, dict(picture.getexif())) == ("JPEG", (320, 160), {})
    assert b"taken at home" in photo.getvalue()
    assert b"taken at home" not in small


async def test_what_is_no_image_is_a_file_all_the_same(place: Place, tenant: Business) -> None:
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    await place.fetch()
    file = await place.file(tenant)
    assert (file.state, file.thumbnail_key) == (FileState.STORED, None)
