import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from waystate.errors import ConfigError, NotFound
from waystate.media.objects import CHUNK, ObjectStore, open_objects


async def chunks(*each: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in each:
        yield chunk
    if then is not None:
        raise then


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_objects(None if request.param == "folder" else "memory://files", tmp_path)


async def test_what_was_put_is_read_in_any_range(objects: ObjectStore) -> None:
    await objects.put("a/1", chunks(b"Hel", b"", b"lo"))
    assert await objects.get_bytes("a/1") == b"Hello"
    assert [chunk async for chunk in await objects.get("a/1", 1, 3)] == [b"el"]
    assert [chunk async for chunk in await objects.get("a/1", 5)] == []
    assert await objects.get_size("a/1") == 5


async def test_an_empty_file_is_a_file(objects: ObjectStore) -> None:
    await objects.put("a/1", chunks())
    assert (await objects.get_size("a/1"), await objects.get_bytes("a/1")) == (0, b"")


async def test_a_put_that_fails_leaves_nothing_and_says_the_reason_of_its_content(objects: ObjectStore) -> None:
    with pytest.raises(KeyError, match="mine"):
        await objects.put("a/1", chunks(b"x" * (CHUNK + 1), then=KeyError("mine")))
    assert [key async for key, _ in objects.list_keys()] == []


async def test_a_put_that_is_stopped_leaves_nothing(objects: ObjectStore) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * CHUNK
            await asyncio.sleep(0.01)

    putting = asyncio.create_task(objects.put("a/1", endless()))
    await asyncio.sleep(0.1)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert [key async for key, _ in objects.list_keys()] == []


async def test_what_is_not_there_is_said_before_anything_is_read(objects: ObjectStore) -> None:
    with pytest.raises(NotFound):
        await objects.get("a/1")
    with pytest.raises(NotFound):
        await objects.get("a/1", 0, 5)
    await objects.delete("a/1", "a/2")


async def test_folders_at_the_top_are_the_tenants(objects: ObjectStore) -> None:
    for key in ("acme/1/1", "acme/2/1", "beta/1/1"):
        await objects.put_bytes(key, b"x")
    assert sorted(await objects.list_folders()) == ["acme", "beta"]
    assert sorted([key async for key, _ in objects.list_keys("acme")]) == ["acme/1/1", "acme/2/1"]


def test_nothing_is_made_before_something_is_put(tmp_path: Path) -> None:
    open_objects(None, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_an_address_that_cannot_be_used_is_named_without_its_credentials(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OBJECT_STORE_URL") as refused:
        open_objects("az://key:s3cr3t@", tmp_path)
    assert "s3cr3t" not in str(refused.value)
