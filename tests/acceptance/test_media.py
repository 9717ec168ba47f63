"""Customers' files, end to end: WhatsApp hands them out, an agent gets them, and whoever has their address loads them."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.acceptance.credentials import bearing, key_with
from tests.acceptance.installation import TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.ids import TenantId
from waystate.media.objects import open_objects
from waystate.principal import OPERATOR, Scope
from waystate.tenants.erasure.erase import Eraser

ADA = "15550100001"
ORIGIN = "http://localhost:3005"


@pytest.fixture
async def place(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        settings = {"TRUSTED_MODE": "off", "PUBLIC_URL": ORIGIN}
        async with installed_with_far_sides(
            url, tmp_path, settings=settings, own_url="http://localhost:3006", agent_reply_share=0.0
        ) as place:
            yield place


async def write(place: Installation, **file: Any) -> str:
    assert place.far is not None
    answer = await place.far.post(f"/simulator/customers/{ADA}/messages", json={"file": file})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["wamid"])


async def stored(place: Installation, key: str, wamid: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_stored() -> bool:
        media = await place.value("SELECT media FROM messages WHERE wamid = $1", wamid)
        if media is None:
            return False
        found.update((await place.http.get(f"/v1/media/{media['file_id']}", headers=bearing(key))).json())
        return found["state"] == "stored"

    await until(is_stored, timeout=20)
    return found


async def at_genesys(place: Installation) -> list[dict[str, Any]]:
    rows = await place.rows("SELECT request FROM deliveries WHERE target LIKE 'genesys%' AND state = 'sent' ORDER BY position")
    return [row["request"] for row in rows]


async def test_a_picture_reaches_the_agent_and_is_loaded_by_its_address(place: Installation) -> None:
    key = await key_with(place, TENANT, Scope.MESSAGES_READ)
    wamid = await write(place, kind="image", caption="My receipt")
    file = await stored(place, key, wamid)
    await place.settled()
    (request,) = await at_genesys(place)
    address = request["content"][0]["attachment"]["url"]
    loaded = await place.http.get(address)
    assert loaded.status_code == 200
    assert hashlib.sha256(loaded.content).hexdigest() == file["sha256"]
    assert loaded.headers["content-type"] == "image/jpeg"
    assert loaded.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert loaded.headers["x-content-type-options"] == "nosniff"
    assert loaded.headers["cache-control"] == "private"
    assert loaded.headers["content-disposition"] == 'inline; filename="file.jpg"'
    small = await place.http.get(file["thumbnailUrl"])
    with Image.open(BytesIO(small.content)) as picture:
        assert max(picture.size) == 320
    trace = (await place.http.get(f"/v1/messages/{wamid}/trace", headers=bearing(key))).json()
    assert trace["filePassedOn"] is True
    assert "accepted by genesys with its file" in [hop["what"] for hop in trace["hops"]]
    assert trace["media"]["file_id"] == file["id"]


async def test_a_part_of_a_file_is_loaded_and_its_head_alone(place: Installation) -> None:
    key = await key_with(place, TENANT, Scope.MESSAGES_READ)
    file = await stored(place, key, await write(place, kind="document", filename="Größe.pdf", size=100_000))
    whole = (await place.http.get(file["url"])).content
    part = await place.http.get(file["url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{file['size']}"
    last = await place.http.get(file["url"], headers={"range": "bytes=-5", "if-range": part.headers["etag"]})
    assert (last.status_code, last.content) == (206, whole[-5:])
    other = await place.http.get(file["url"], headers={"range": "bytes=-5", "if-range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, file["size"])
    beyond = await place.http.get(file["url"], headers={"range": "bytes=100000000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{file['size']}")
    same = await place.http.get(file["url"], headers={"if-none-match": part.headers["etag"], "range": "bytes=0-1"})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", part.headers["etag"])
    head = await place.http.head(file["url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(file["size"]))
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf" in head.headers["content-disposition"]


async def test_an_address_is_of_one_tenant_one_file_and_its_time(place: Installation) -> None:
    key = await key_with(place, TENANT, Scope.MESSAGES_READ)
    file = await stored(place, key, await write(place, kind="image"))
    url = file["url"]
    await place.add_tenant("beta", number="2002", integration=None)
    for changed in (
        url.replace(f"/media/{TENANT}/", "/media/beta/"),
        url.replace("signature=", "signature=A"),
        url.replace("expires=1", "expires=2"),
        url.replace("?", "/thumbnail?"),
    ):
        assert (await place.http.get(changed)).json()["code"] == "invalid_signature", changed
    others = await key_with(place, TenantId("beta"), Scope.MESSAGES_READ)
    assert (await place.http.get(f"/v1/media/{file['id']}", headers=bearing(others))).status_code == 404
    assert (await place.http.get(f"/v1/media/{file['id']}")).status_code == 401
    over = place.app.services.links.address(TENANT, file["id"], place.app.clock() - timedelta(seconds=1))
    assert (await place.http.get(over)).json()["code"] == "address_expired"
    await place.database.execute("UPDATE tenants SET status = 'suspended' WHERE id = $1", TENANT)
    place.app.directory.clear()
    assert (await place.http.get(url)).status_code == 404


async def test_a_file_whose_message_was_taken_back_is_shown_to_nobody(place: Installation) -> None:
    key = await key_with(place, TENANT, Scope.MESSAGES_READ)
    wamid = await write(place, kind="image")
    found = await stored(place, key, wamid)
    addresses = [found[each].removeprefix(ORIGIN) for each in ("url", "thumbnailUrl")]
    assert [(await place.http.get(each)).status_code for each in addresses] == [200, 200]
    said = {"type": "revoke", "revoke": {"original_message_id": wamid}}
    assert place.far is not None
    await place.far.post(f"/simulator/customers/{ADA}/messages", json={"message": said})

    async def is_taken_back() -> bool:
        return await place.value("SELECT revoked_at FROM messages WHERE wamid = $1", wamid) is not None

    await until(is_taken_back)
    assert [(await place.http.get(each)).json()["code"] for each in addresses] == ["media_gone", "media_gone"]
    answer = await place.http.get(f"/v1/media/{found['id']}", headers=bearing(key))
    assert (answer.status_code, answer.json()["code"]) == (404, "media_revoked")


async def test_files_that_whatsapp_refuses_now_and_then_come_all_the_same(place: Installation) -> None:
    assert place.far is not None
    await place.far.put("/simulator/faults", json={"file_errors": 0.5, "server_errors": 0.1})
    wamids = [await write(place) for _ in range(12)]

    async def is_all_stored() -> bool:
        await place.database.execute("UPDATE media_files SET due_at = now() WHERE due_at > now() AND error IS NOT NULL")
        return bool(await place.value("SELECT count(*) FROM media_files WHERE state = 'stored'") == len(wamids))

    await until(is_all_stored, timeout=40)
    await place.far.put("/simulator/faults", json={})
    await place.settled(timeout=30)
    sent = await at_genesys(place)
    lines = [each["channel"]["messageId"] for each in sent if "text" in each]
    files = [part["attachment"]["id"] for each in sent for part in each.get("content", [])]
    assert sorted(lines) == sorted(wamids)
    assert sorted(files) == sorted(str(row["id"]) for row in await place.rows("SELECT id FROM media_files"))


async def test_a_tenant_that_is_deleted_takes_its_files_along(place: Installation, tmp_path: Path) -> None:
    key = await key_with(place, TENANT, Scope.MESSAGES_READ)
    file = await stored(place, key, await write(place, kind="image"))
    objects = open_objects(None, tmp_path)
    assert [each async for each, _ in objects.list_keys(TENANT)]
    await place.database.execute("UPDATE tenants SET status = 'suspended' WHERE id = $1", TENANT)
    await Eraser(place.app.db, place.app.clock).run(TENANT, OPERATOR)
    await place.app.media_sweep.sweep()
    assert [each async for each, _ in objects.list_keys(TENANT)] == []
    assert (await place.http.get(file["url"])).status_code == 404
