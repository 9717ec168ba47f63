"""Where files' bytes are: a folder, or S3, Google Cloud Storage or Azure Blob Storage, whatever OBJECT_STORE_URL names."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, from_url

from waystate.errors import ConfigError, NotFound
from waystate.ids import TenantId

CHUNK = 5 * 2**20
"""Bytes of a part: S3 takes none smaller but the last."""
PARTS_AT_ONCE = 2
"""Parts under way at once: with one being gathered, three chunks are all that a file of any size takes of memory."""
SETTLED_AFTER = 0.5
"""Seconds."""
READ = 256 * 1024
"""Bytes that are read at once."""

_UNFINISHED = re.compile(r"\d+(\.thumbnail)?#\d+")
"""What the library calls a file while it is put into a folder."""

ObjectStoreError = BaseError
"""Whatever the store refused or did not answer."""


def object_key(tenant: TenantId, file_id: UUID, attempt: int) -> str:
    """Of one attempt, so that one that was overtaken overwrites nothing."""
    return f"{tenant}/{file_id}/{attempt}"


class ObjectStore:
    """Objects by key. A put is whole or nothing: what fails, or is stopped, in the middle leaves no object."""

    def __init__(self, open_store: Callable[[], Any], folder: Path | None = None) -> None:
        """`open_store` is called at the first use: a folder is made by whoever puts something into it."""
        self._open = open_store
        self._folder = folder
        self._streamed_at = float("-inf")

    @cached_property
    def _store(self) -> Any:
        return self._open()

    async def close(self) -> None:
        """Before the process ends: the library's threads let go of a stream's Python side a moment after it has ended, and an
        interpreter that is gone by then aborts (obstore 0.12: half of the runs that end at once)."""
        left = self._streamed_at + SETTLED_AFTER - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)

    async def put(self, key: str, content: AsyncIterator[bytes]) -> None:
        """An exception of `content` is the caller's own, and then nothing is stored."""
        failed: list[BaseException] = []
        self._streamed_at = time.monotonic()

        async def guarded() -> AsyncIterator[bytes]:
            try:
                async for chunk in content:
                    if chunk:  # an empty one would end the stream
                        yield chunk
            except BaseException as error:
                failed.append(error)
                raise

        try:
            await obstore.put_async(
                self._store, key, guarded(), use_multipart=True, chunk_size=CHUNK, max_concurrency=PARTS_AT_ONCE
            )
        except BaseException as error:
            if failed and failed[0] is not error:
                raise failed[0] from None
            raise
        finally:
            self._streamed_at = time.monotonic()

    async def put_bytes(self, key: str, content: bytes) -> None:
        await obstore.put_async(self._store, key, content)

    async def get_size(self, key: str) -> int:
        """Bytes. `NotFound` where there is no such object."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except FileNotFoundError:
            raise _gone(key) from None

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to, and without, `end`. `NotFound`, before any is read, where there is no such object."""
        size = await self.get_size(key) if end is None else end
        if start >= size:
            return _nothing()
        try:
            found = await obstore.get_async(self._store, key, options={"range": (start, size)})
        except FileNotFoundError:
            raise _gone(key) from None
        return self._chunks(found)

    async def _chunks(self, found: Any) -> AsyncIterator[bytes]:
        try:
            async for chunk in found.stream(min_chunk_size=READ):
                yield bytes(chunk)
        finally:
            self._streamed_at = time.monotonic()

    async def get_bytes(self, key: str) -> bytes:
        """All of a small object."""
        return b"".join([chunk async for chunk in await self.get(key)])

    async def delete(self, *keys: str) -> None:
        """What is not there is deleted already."""
        for key in keys:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)

    async def discard(self, *keys: str | None) -> None:
        """What nobody names: if it cannot be deleted now, the sweep finds it."""
        with suppress(ObjectStoreError, OSError):
            await self.delete(*(key for key in keys if key is not None))

    async def list_keys(self, prefix: str = "") -> AsyncIterator[tuple[str, Any]]:
        """Keys in the folder `prefix` (all), with the time that each was last written."""
        async for found in obstore.list(self._store, prefix or None):
            for each in found:
                yield each["path"], each["last_modified"]

    async def forget_unfinished(self, prefix: str, before: datetime | None) -> int:
        """Take away what processes that were killed had put half, before then (None: ever); how many that were.

        In a folder alone, whose listing does not show it. A bucket does so by a rule of its own (docs/how-to/media.md).
        """
        return 0 if self._folder is None else await asyncio.to_thread(_forget_unfinished, self._folder / prefix, before)

    async def list_folders(self) -> list[str]:
        """Those at the top: a tenant's objects are in the folder of its name."""
        return [str(each) for each in (await obstore.list_with_delimiter_async(self._store))["common_prefixes"]]


def open_objects(url: str | None, home: Path) -> ObjectStore:
    """The store that `url` names, or the folder `media` in `home`. `ConfigError` where it cannot be opened."""
    if url is None:
        return _in_folder(home / "media")
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _in_folder(Path(unquote(parts.path)))
    if parts.scheme == "memory":
        return ObjectStore(MemoryStore)
    try:
        store = from_url(url)
    except (BaseError, ValueError) as error:
        raise ConfigError(f"OBJECT_STORE_URL cannot be used ({type(error).__name__}). Correct it or its credentials.") from None
    return ObjectStore(lambda: store)


def _in_folder(path: Path) -> ObjectStore:
    return ObjectStore(partial(_folder, path), path)


def _forget_unfinished(folder: Path, before: datetime | None) -> int:
    forgotten = 0
    for path in folder.glob("*/*#*"):
        if _UNFINISHED.fullmatch(path.name) is None:
            continue
        with suppress(OSError):  # whoever puts it has finished it
            if before is None or path.stat().st_mtime < before.timestamp():
                path.unlink()
                forgotten += 1
                path.parent.rmdir()  # unless something else of the file is there
    return forgotten


def _folder(path: Path) -> Any:
    """For this account alone: it is customers' own."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder {path} for files cannot be made: {error.strerror}. Correct OBJECT_STORE_URL.") from None
    return LocalStore(path, automatic_cleanup=True)


def _gone(key: str) -> NotFound:
    return NotFound("media_gone", f"The object store has no object {key} any more.")


async def _nothing() -> AsyncIterator[bytes]:
    none: list[bytes] = []
    for chunk in none:
        yield chunk
