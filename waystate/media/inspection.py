"""A file on its way into the object store, looked at as it comes: its type by its first bytes, its size, and its SHA-256."""

import hashlib
from collections.abc import AsyncIterator

from waystate.channels.whatsapp.media import HEAD, FileType, Unfit, judge, judge_size
from waystate.media.model import StoredObject, Unfetched, storage_full


class Inspection:
    """Of one file that a business sends. What WhatsApp does not take raises Unfetched before the store has its last part.

    `room`: bytes that the tenant may store still; None: any. `believes_bytes`: a wrong `declared` is nobody's to correct.
    """

    def __init__(
        self, declared: str | None, filename: str | None, *, room: int | None = None, believes_bytes: bool = False
    ) -> None:
        self._declared, self._filename, self._room = declared, filename, room
        self._believes_bytes = believes_bytes
        self._head = b""
        self._type: FileType | None = None
        self._size = 0
        self._hashed = hashlib.sha256()

    async def passing(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in content:
            self._size += len(chunk)
            self._hashed.update(chunk)
            self._look(chunk)
            yield chunk
        self._type = self._type or self._judged()
        self._check_size()

    def stored_as(self, key: str) -> StoredObject:
        """Of a file that has passed."""
        assert self._type is not None
        return StoredObject(object_key=key, size=self._size, sha256=self._hashed.digest(), mime_type=self._type.mime_type)

    def _look(self, chunk: bytes) -> None:
        if len(self._head) < HEAD:
            self._head = (self._head + chunk)[:HEAD]
        if self._type is None and len(self._head) >= HEAD:
            self._type = self._judged()
        self._check_size()

    def _judged(self) -> FileType:
        found = judge(self._declared, self._filename, self._head, believes_bytes=self._believes_bytes)
        if isinstance(found, Unfit):
            raise Unfetched(found.code, found.text, is_final=True)
        return found

    def _check_size(self) -> None:
        too_large = judge_size(self._type, self._size, self._head) if self._type is not None else None
        if too_large is not None:
            raise Unfetched(too_large.code, too_large.text, is_final=True)
        if self._room is not None and self._size > self._room:
            raise storage_full()
