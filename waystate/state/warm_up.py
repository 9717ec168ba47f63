"""After a start: the customers who are talking are read into Redis, a batch at a time, before they are asked for."""

import time

import structlog

from waystate.clock import Clock
from waystate.contacts.model import Identity, IdentityKind
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Conversation
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.state import conversations
from waystate.state.shared import SharedMappings, open_key
from waystate.tenants.each_tenant import customers

log = structlog.get_logger()

BATCH = 100
"""Small, so that the first requests never wait long behind it."""


class WarmUp:
    """`each` conversations a tenant. The process's own cache is left alone: it forgets within seconds anyway."""

    def __init__(self, db: Database, shared: SharedMappings, clock: Clock, *, each: int) -> None:
        self._db = db
        self._shared = shared
        self._clock = clock
        self._each = each

    async def run(self) -> None:
        """Once; what goes wrong is only said."""
        started = time.monotonic()
        count = 0
        try:
            async for tenant in customers(self._db):
                count += await self.warm(tenant)
        except Exception as error:
            log.warning(
                "The warm-up ended early; look-ups are slower at first.", operation="warm-up", error=type(error).__name__
            )
        if count:
            took = round((time.monotonic() - started) * 1000)
            log.info("Customers read ahead", operation="warm-up", customers=count, duration_ms=took)

    async def warm(self, tenant: TenantId) -> int:
        """How many customers were read."""
        async with self._db.tenant(tenant) as conn:
            wa_ids = await conversation_store.list_latest_open(conn, tenant, self._clock(), self._each)
        wanted = [(Identity(IdentityKind.WA_ID, wa_id), "") for wa_id in dict.fromkeys(wa_ids)]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]

            async def load(places: list[int], batch: list[tuple[Identity, str]] = batch) -> list[Conversation | None]:
                return await conversations.find_open_many(tenant, [batch[place] for place in places], self._db, self._clock)

            await self._shared.find_many(tenant, [open_key(*each) for each in batch], load)
        return len(wanted)
