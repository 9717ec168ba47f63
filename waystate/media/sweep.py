"""Takes away what is in the object store and nobody names: of deleted tenants, and of attempts that came to nothing."""

import re
from datetime import timedelta

import structlog

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.ids import TENANT_ID_PATTERN, TenantId
from waystate.media import store
from waystate.media.objects import ObjectStore
from waystate.tenants.routing import Directory

log = structlog.get_logger()

BATCH = 1000
YOUNG = timedelta(hours=1)
"""What was put lately may be about to be named: a fetch ends within a quarter of an hour."""
_OURS = re.compile(r"[^/]+/[0-9a-f-]{36}/\d+(\.thumbnail)?")
"""Keys of files. What else somebody keeps in the same store is theirs."""


class MediaSweep:
    """The store, or the prefix in it, is one installation's: a file that its database does not name is nobody's."""

    def __init__(self, db: Database, directory: Directory, objects: ObjectStore, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._objects = objects
        self._clock = clock

    async def forget_gone(self) -> int:
        """What deleted tenants have left; how many objects that were."""
        return await self._sweep(gone_only=True)

    async def sweep(self) -> int:
        return await self._sweep(gone_only=False)

    async def _sweep(self, *, gone_only: bool) -> int:
        deleted = 0
        for folder in await self._objects.list_folders():
            if re.fullmatch(TENANT_ID_PATTERN, folder) is None:
                continue
            is_gone = await self._directory.find_tenant(TenantId(folder)) is None
            if is_gone or not gone_only:
                deleted += await self._sweep_tenant(TenantId(folder), is_gone=is_gone)
        if deleted:
            log.info("Objects that nobody names were deleted.", operation="media", count=deleted)
        return deleted

    async def _sweep_tenant(self, tenant: TenantId, *, is_gone: bool) -> int:
        before, deleted = self._clock() - YOUNG, 0
        keys: list[str] = []
        async for key, written_at in self._objects.list_keys(tenant):
            if _OURS.fullmatch(key) is not None and (is_gone or written_at < before):
                keys.append(key)
            if len(keys) == BATCH:
                deleted += await self._delete_unnamed(tenant, keys)
                keys = []
        unfinished = await self._objects.forget_unfinished(tenant, None if is_gone else before)
        return deleted + await self._delete_unnamed(tenant, keys) + unfinished

    async def _delete_unnamed(self, tenant: TenantId, keys: list[str]) -> int:
        if not keys:
            return 0
        async with self._db.tenant(tenant) as conn:
            named = await store.find_named(conn, tenant, keys)
        unnamed = [each for each in keys if each not in named]
        await self._objects.delete(*unnamed)
        return len(unnamed)
