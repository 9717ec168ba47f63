"""What nobody names goes; what somebody names, or may be about to, stays; and what is not ours is not looked at."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.media.conftest import Place
from tests.integration.media.far_side import image
from tests.world import Business
from waystate.ids import new_id
from waystate.media.sweep import YOUNG, MediaSweep


async def test_attempts_that_came_to_nothing_go_when_they_are_old(place: Place, tenant: Business) -> None:
    place.world.clock.now = datetime.now(UTC)
    await place.receive(tenant, image(tenant, place.side.add("m1", b"content")))
    await place.fetch()
    kept = (await place.file(tenant)).object_key
    await place.objects.put_bytes(f"acme/{new_id()}/1", b"of a process that died")
    await place.objects.put_bytes("acme/notes.txt", b"somebody else's")
    await place.objects.put_bytes("Not A Tenant/x/1", b"somebody else's")
    sweep = MediaSweep(place.world.db, place.world.directory, place.objects, place.world.clock)
    assert await sweep.sweep() == 0
    place.world.clock.now += YOUNG + timedelta(seconds=10)
    assert await sweep.forget_gone() == 0
    assert await sweep.sweep() == 1
    assert await place.keys() == sorted([kept, "Not A Tenant/x/1", "acme/notes.txt"])


async def test_what_deleted_tenants_leave_goes_at_once(place: Place, tenant: Business) -> None:
    place.world.clock.now = datetime.now(UTC)
    await place.objects.put_bytes(f"gone/{new_id()}/1", b"x")
    await place.objects.put_bytes(f"gone/{new_id()}/1.thumbnail", b"x")
    sweep = MediaSweep(place.world.db, place.world.directory, place.objects, place.world.clock)
    assert await sweep.forget_gone() == 2
    assert await place.keys() == []


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from waystate.media.objects import CHUNK, open_objects

async def slowly():
    for _ in range(3):
        yield bytes(CHUNK)
    await asyncio.sleep(0.2)
    os._exit(9)

asyncio.run(open_objects(None, Path(sys.argv[1])).put(sys.argv[2], slowly()))
"""


@pytest.mark.parametrize("name", ["acme", "gone"])
async def test_what_a_killed_process_had_put_half_goes_too(place: Place, tenant: Business, tmp_path: Path, name: str) -> None:
    place.world.clock.now = datetime.now(UTC)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", _KILLED, str(tmp_path), f"{name}/{new_id()}/1")
    assert await killed.wait() == 9
    (left,) = [each for each in (tmp_path / "media").rglob("*") if each.is_file()]
    assert left.stat().st_size > 0
    (tmp_path / "media" / name / "theirs#1").write_bytes(b"somebody else's")
    sweep = MediaSweep(place.world.db, place.world.directory, place.objects, place.world.clock)
    assert await sweep.forget_gone() == (1 if name == "gone" else 0)
    assert left.exists() is (name == "acme"), "a process may be about to finish it"
    place.world.clock.now += YOUNG + timedelta(seconds=10)
    assert await sweep.sweep() == (1 if name == "acme" else 0)
    assert [each.name for each in (tmp_path / "media").rglob("*") if each.is_file()] == ["theirs#1"]
