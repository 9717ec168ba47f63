"""Files that a business uploads to send them: looked at while they stream in, and kept."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from waystate.channels.whatsapp.media import MOST
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import Conflict, Refused, TooLarge, Unavailable, Unprocessable
from waystate.ids import TenantId, new_id
from waystate.media import store
from waystate.media.fetch import Fetcher
from waystate.media.inspection import Inspection
from waystate.media.model import FileDirection, FileState, HeldByScanner, MediaRecord, StoredObject, Unfetched, storage_full
from waystate.media.objects import ObjectStoreError, object_key
from waystate.tenants.routing import Directory
from waystate.work.batch import with_retries

LARGEST = MOST
"""Bytes of a body: WhatsApp's limit of a document, the largest of all."""
AT_ONCE = 16
"""Uploads that one process takes at once: each holds three parts of 5 MiB at the most."""
OF_A_TENANT = 12
"""Of them of one tenant: whoever sends slowly leaves places to the others."""


class Deposits:
    """Takes files in, of whichever tenant."""

    def __init__(self, db: Database, directory: Directory, fetcher: Fetcher, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._fetcher = fetcher
        self._clock = clock
        self._under_way: Counter[TenantId] = Counter()

    async def take(
        self, tenant: TenantId, content: AsyncIterator[bytes], *, declared: str | None, filename: str | None
    ) -> MediaRecord:
        """The file as it is stored. `Refused`, and nothing is kept, for what WhatsApp does not take or nobody has room for."""
        if self._under_way.total() >= AT_ONCE or self._under_way[tenant] >= OF_A_TENANT:
            raise Unavailable("too_many_uploads", "Too many files are arriving at once. Send it again.", retry_after=1.0)
        self._under_way[tenant] += 1
        try:
            return await self._take(tenant, content, declared, filename)
        finally:
            self._under_way[tenant] -= 1
            self._under_way += Counter()  # which forgets who has none under way

    async def _take(
        self, tenant: TenantId, content: AsyncIterator[bytes], declared: str | None, filename: str | None
    ) -> MediaRecord:
        quota = (await self._directory.get_tenant(tenant)).tenant.quotas.storage_bytes
        async with self._db.tenant(tenant) as conn:
            used = await store.get_usage(conn, tenant)
        room = None if quota is None else max(0, quota - used)
        now = self._clock()
        file = MediaRecord(
            id=new_id(), direction=FileDirection.OUTBOUND, created_at=now, filename=filename, attempts=1, due_at=None
        )
        stored = await self._store(tenant, file, content, Inspection(declared, filename, room=room))
        try:
            return await with_retries(lambda: self._write(tenant, file, stored, quota))
        except BaseException:
            await asyncio.shield(self._fetcher.objects.discard(stored.object_key, stored.thumbnail_key))
            raise

    async def _store(
        self, tenant: TenantId, file: MediaRecord, content: AsyncIterator[bytes], inspection: Inspection
    ) -> StoredObject:
        objects, key = self._fetcher.objects, object_key(tenant, file.id, 1)
        try:
            await objects.put(key, inspection.passing(content))
            stored = inspection.stored_as(key)
            if self._fetcher.scanner is not None:
                await self._fetcher.scanner.check(objects, stored, file)
            return await self._fetcher.thumbnails.add(objects, stored)
        except BaseException as error:
            await asyncio.shield(objects.discard(key))
            if isinstance(error, Unfetched):
                raise _refusal(error) from error
            if isinstance(error, HeldByScanner):
                raise Unprocessable("media_held", f"The scanner held the file back: {error}") from error
            if isinstance(error, ObjectStoreError | OSError):
                raise Unavailable("object_store", "The store of files does not take it now. Send it again.") from error
            raise

    async def _write(self, tenant: TenantId, file: MediaRecord, stored: StoredObject, quota: int | None) -> MediaRecord:
        written = MediaRecord(
            id=file.id,
            direction=file.direction,
            created_at=file.created_at,
            filename=file.filename,
            mime_type=stored.mime_type,
            size=stored.size,
            sha256=stored.sha256,
            state=FileState.STORED,
            attempts=file.attempts,
            object_key=stored.object_key,
            thumbnail_key=stored.thumbnail_key,
            stored_at=self._clock(),
        )
        async with self._db.tenant(tenant) as conn:
            if not await store.take_room(conn, tenant, stored.size, quota):
                raise _refusal(storage_full())
            await store.insert_many(conn, tenant, [written])
        return written


def _refusal(why: Unfetched) -> Refused:
    match why.code:
        case "media_too_large":
            return TooLarge(why.code, why.message)
        case "storage_full":
            return Conflict(why.code, "The tenant's quota `storage_bytes` has no room for the file. Raise it and send again.")
        case "scanner_unavailable":
            return Unavailable(why.code, f"{why.message} Send it again.")
    return Unprocessable(why.code, why.message)
