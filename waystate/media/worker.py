"""Fetches customers' files: a bounded number at once, beside everything else, and never in a message's way."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.ids import TenantId
from waystate.media import store
from waystate.media.fetch import Fetcher
from waystate.media.finish import Fetched, finish
from waystate.media.model import FileDirection, HeldByScanner, MediaRecord, StoredObject, Unfetched
from waystate.tenants.routing import Directory, TenantView
from waystate.work.batch import with_retries
from waystate.work.loops import Hint, Worker

log = structlog.get_logger()

MEDIA = "media"
"""The kind of the hint that a file is due."""
AT_ONCE = 16
"""Files that one process fetches at once: at 200 ms each that is 4,800 a minute, and 16 buffers of memory."""
OF_A_TENANT = 8
"""Of them for one tenant, so that another's need not wait for all of its."""
CLAIM = timedelta(seconds=60)
"""How long the claims of a process that died rest."""
RENEW = timedelta(seconds=20)
_NO_ACCOUNT = "Its number is not configured or not active any more. Add it again within seven days of the message."

Running = dict[asyncio.Task[None], tuple[TenantId, MediaRecord]]


class MediaWorker(Worker):
    """Any number of processes run one: a file is claimed in the database for a minute, which is renewed while it is fetched."""

    name = "media"
    direction = FileDirection.INBOUND

    def __init__(
        self, db: Database, directory: Directory, fetcher: Fetcher, clock: Clock, *, hint: Hint, relay_hint: Hint | None = None
    ) -> None:
        super().__init__(hint)
        self._db = db
        self._directory = directory
        self._fetcher = fetcher
        self._clock = clock
        self._relay_hint = relay_hint or Hint()
        self._running: Running = {}
        self._ready: dict[TenantId, None] = {}
        """Tenants with more than was claimed, the longest unserved first."""
        self._renew_at = clock() + RENEW

    async def run(self) -> None:
        await super().run()
        await self._give_back()

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if self._clock() >= self._renew_at:
            self._renew_at = self._clock() + RENEW
            await self._renew()
        if sweep:
            async with self._db.work() as conn:
                due = await store.list_due(conn, self.direction, self._clock())
            self._ready |= dict.fromkeys(each.tenant for each in due)
        self._ready |= dict.fromkeys(sorted(hinted))
        for tenant in list(self._ready):
            if len(self._running) >= AT_ONCE or self._stopping:
                break
            await self._begin(tenant)
        return False

    async def finish_running(self) -> None:
        """Wait for what is under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def _begin(self, tenant: TenantId) -> None:
        """As many of a tenant's as there is room for."""
        of_tenant = Counter(each for each, _ in self._running.values())[tenant]
        room = min(OF_A_TENANT - of_tenant, AT_ONCE - len(self._running))
        if room <= 0:
            return
        del self._ready[tenant]
        view = await self._directory.find_tenant(tenant)
        if view is None:
            return  # it is being deleted
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            claimed = await store.claim(conn, tenant, self.direction, now=now, due_at=now + CLAIM, batch=room)
            used = await store.get_usage(conn, tenant) if claimed else 0
        if len(claimed) == room:
            self._ready[tenant] = None  # at the end of the line
        for file in claimed:
            task = asyncio.create_task(self._fetch(tenant, view, file, used))
            self._running[task] = tenant, file
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self.hint.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("A file's claim rests and comes back.", operation=self.name, error=str(error))

    async def _fetch(self, tenant: TenantId, view: TenantView, file: MediaRecord, used: int) -> None:
        quota = view.tenant.quotas.storage_bytes
        fetched = await self._attempt(tenant, view, file, None if quota is None else max(0, quota - used))

        async def write_down() -> bool:
            async with self._db.tenant(tenant) as conn:
                return await self._finish(conn, tenant, file, fetched, quota)

        is_used = await with_retries(write_down)
        self._relay_hint.give(tenant)
        if isinstance(fetched, StoredObject) and not is_used:
            await self._fetcher.objects.discard(fetched.object_key, fetched.thumbnail_key)

    async def _finish(self, conn: Connection, tenant: TenantId, file: MediaRecord, fetched: Fetched, quota: int | None) -> bool:
        """In a transaction; whether the file is stored now."""
        return await finish(conn, tenant, file, fetched, quota, self._clock())

    async def _attempt(self, tenant: TenantId, view: TenantView, file: MediaRecord, room: int | None) -> Fetched:
        account = view.accounts.get(file.phone_number_id or "")
        if account is None or not account.is_active:
            return Unfetched("account_missing", _NO_ACCOUNT)
        try:
            return await self._fetcher.fetch(tenant, file, account, room, self._clock())
        except (Unfetched, HeldByScanner) as why:
            return why
        except Exception as error:
            log.error("A file could not be fetched because of our own code.", operation=self.name, exc_info=error)
            return Unfetched("internal_error", f"Waystate failed: {type(error).__name__}. Please report it.")

    async def _renew(self) -> None:
        """A file of 100 MB may take longer than a claim."""
        files: dict[TenantId, list[MediaRecord]] = {}
        for tenant, file in self._running.values():
            files.setdefault(tenant, []).append(file)
        for tenant, each in files.items():
            async with self._db.tenant(tenant) as conn:
                await store.keep_claims(conn, tenant, each, self._clock() + CLAIM)

    async def _give_back(self) -> None:
        """What is under way is stopped, and due at once for whoever is there; without the database their claims run out."""
        running = dict(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        now: datetime = self._clock()
        for tenant, file in running.values():
            with suppress(Exception):
                async with self._db.tenant(tenant) as conn:
                    await store.keep_claims(conn, tenant, [file], now)
