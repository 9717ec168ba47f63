"""An edit carries the whole new content: a new file is fetched for that version, and the one before keeps its own."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.integration.media.conftest import Place
from tests.integration.media.far_side import image
from tests.world import START, Business
from waystate.channels.whatsapp.lines import amendment_of
from waystate.documents import JsonObject
from waystate.events.model import MessageEdited
from waystate.media.inbound import has_file
from waystate.media.model import FileState
from waystate.messages.amend import find_amends
from waystate.messages.model import InboundMessage
from waystate.messages.versions import Version
from waystate.sends.bodies import render_versions


def edit(tenant: Business, wamid: str, media: JsonObject | None, minute: int = 1, of: str = "wamid.1", **said: Any) -> Any:
    kind, inner = ("text", {"body": "no file"}) if media is None else ("image", media)
    content = {"original_message_id": of, "message": {"type": kind, kind: inner}}
    at = START + timedelta(minutes=minute)
    return tenant.message(wamid, type="edit", content=content, amends=amendment_of("edit", content), sent_at=at, **said)


def original(place: Place, tenant: Business, media: JsonObject) -> InboundMessage:
    return image(tenant, media, "wamid.1", sent_at=START)


async def versions_of(place: Place, tenant: Business) -> list[Version]:
    owner = await place.world.value(tenant, "SELECT contact_id FROM conversations")
    async with place.world.db.tenant(tenant.tenant) as conn:
        return (await find_amends(conn, tenant.tenant, {"wamid.1": owner})).versions["wamid.1"]


async def contents(place: Place, tenant: Business) -> list[bytes | None]:
    """The bytes of the file of each version, the oldest version first."""
    files = {str(each.id): each for each in await place.files(tenant)}
    assert {each.state for each in files.values()} <= {FileState.STORED}
    named = [(each.media or {}).get("file_id") for each in await versions_of(place, tenant)]
    return [None if name is None else await place.objects.get_bytes(files[name].object_key) for name in named]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_each_version_has_its_own_file_whatever_the_order(place: Place, tenant: Business, order: tuple[int, ...]) -> None:
    await place.world.receive(tenant, tenant.message("wamid.0"))
    said = [
        original(place, tenant, place.side.add("m1", b"first")),
        edit(tenant, "wamid.a", place.side.add("m2", b"second"), 1),
        edit(tenant, "wamid.b", place.side.add("m3", b"third"), 2),
    ]
    for number in order:
        await place.receive(tenant, said[number])
    await place.receive(tenant, *said)
    await place.fetch()
    assert await contents(place, tenant) == [b"first", b"second", b"third"]
    assert sorted(place.side.loads) == ["m1", "m2", "m3"]
    row = await place.world.row(tenant, "SELECT id, media FROM messages WHERE wamid = 'wamid.1'")
    assert row["media"]["file_id"] == (await versions_of(place, tenant))[-1].media["file_id"]
    assert {each.message_id for each in await place.files(tenant)} == {row["id"]}
    assert len(await place.told(tenant, "media.stored")) == 3
    edited = [MessageEdited(**each) for each in await place.told(tenant, "message.edited")]
    assert all(has_file(each) for each in edited)


async def test_an_edit_of_the_words_has_the_file_that_is_there(place: Place, tenant: Business) -> None:
    media = place.side.add("m1", b"first")
    await place.receive(tenant, original(place, tenant, media))
    await place.receive(tenant, edit(tenant, "wamid.a", media | {"caption": "better"}))
    await place.receive(tenant, edit(tenant, "wamid.b", None, 2), edit(tenant, "wamid.c", media, 3))
    await place.fetch()
    assert await contents(place, tenant) == [b"first", b"first", None, b"first"]
    assert (len(await place.files(tenant)), place.side.loads) == (1, ["m1"])


async def test_versions_show_their_files_until_the_message_is_taken_back(place: Place, tenant: Business) -> None:
    await place.receive(tenant, original(place, tenant, place.side.add("m1", b"first")))
    await place.receive(tenant, edit(tenant, "wamid.a", place.side.add("m2", b"second")))
    versions = await versions_of(place, tenant)
    shown: dict[str, Any] = {"revoked_at": None}
    files = [each.media["file_id"] for each in render_versions(shown, versions).items if each.media]
    assert sorted(files) == sorted(str(each.id) for each in await place.files(tenant))
    gone = {"revoked_at": START}
    assert [each.media for each in render_versions(gone, versions).items] == [None, None]
    content: dict[str, Any] = {"original_message_id": "wamid.1"}
    revoke = tenant.message("wamid.r", type="revoke", content=content, amends=amendment_of("revoke", content))
    await place.receive(tenant, revoke)
    await place.receive(tenant, edit(tenant, "wamid.late", place.side.add("m3", b"third"), 5))
    assert len(await place.files(tenant)) == 2


async def test_nobody_elses_edit_brings_a_file(place: Place, tenant: Business) -> None:
    other = "491700000009"
    await place.world.receive(tenant, tenant.message("wamid.0", wa_id=other))
    await place.receive(tenant, edit(tenant, "wamid.forged", place.side.add("m9", b"forged"), wa_id=other))
    await place.receive(tenant, original(place, tenant, place.side.add("m1", b"first")))
    assert [each.external_id for each in await place.files(tenant)] == ["m1"]
