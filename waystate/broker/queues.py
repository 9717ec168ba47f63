"""From queue messages to pipelines: decode, find the tenant, run each tenant's, keep what cannot be used with its reason."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from waystate.broker.consumer import QueueMessage
from waystate.broker.letters import TENANT_HEADER, Decoded, origin_of, parked, read_body
from waystate.broker.publisher import Outgoing
from waystate.clock import Clock
from waystate.db.failures import is_outage
from waystate.db.pool import Database
from waystate.documents import JsonObject, clean_text
from waystate.errors import BadRequest, Reason, Rejected, Retry
from waystate.ids import PLATFORM, TenantId, new_id, parse_tenant_id
from waystate.messages.model import InboundMessage
from waystate.pipeline.batch import Taken
from waystate.pipeline.run import Runner
from waystate.tenants.model import RouteKind
from waystate.tenants.routing import Directory
from waystate.work import store as work_store
from waystate.work.batch import with_retries

Park = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Publishes with confirms: what has no tenant is kept in the broker's own dead-letter queue."""
Worked = Callable[[TenantId], None]
"""Told of every tenant that may have something new to relay."""


class QueuePipeline:
    def __init__(self, db: Database, directory: Directory, runner: Runner, worked: Worked, park: Park, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._runner = runner
        self._worked = worked
        self._park = park
        self._clock = clock

    async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
        """Durable when it returns: the effects, or a dead letter for what cannot have one. `Retry` in an outage."""
        decoded = [self._decode(kind, delivery) for delivery in deliveries]
        try:
            by_tenant, homeless = await self._by_tenant(decoded)
            work = (self._work_tenant(kind, tenant, items) for tenant, items in by_tenant.items())
            # Nobody may still be at work when the batch is tried again.
            results = await asyncio.gather(*work, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            await self._park([parked(each, error) for each, error in homeless])
        except Exception as error:
            if is_outage(error):
                raise Retry(f"the database does not answer: {error}", after=1.0) from error
            raise

    async def set_aside(self, kind: str, delivery: QueueMessage, why: str) -> None:
        """A message that kills processes, or keeps failing in our own code, must not stop its queue."""
        decoded = self._decode(kind, delivery)
        if not isinstance(decoded.item, Rejected):
            text = f"{why} It was set aside; report it before replaying it."
            decoded = replace(decoded, item=Rejected(Reason.INVALID_PAYLOAD, text))
        by_tenant, homeless = await self._by_tenant([decoded])
        for tenant, items in by_tenant.items():
            taken = self._taken(kind, items)
            await self._runner.bury(tenant, [(each, each.item) for each in taken])
        await self._park([parked(each, error) for each, error in homeless])

    async def record_try(self, delivery: QueueMessage) -> int:
        """The epoch of a lease that lapses at once counts who took it, and survives them."""
        key = (f"suspect:{origin_of(delivery)}", 0)

        async def take() -> int:
            async with self._db.work() as conn:
                epochs = await work_store.acquire_leases(
                    conn, str(new_id()), [key], now=self._clock(), ttl=timedelta(seconds=-1)
                )
            return epochs[key]

        return await with_retries(take)

    def _decode(self, kind: str, delivery: QueueMessage) -> Decoded:
        document: JsonObject = {"body": clean_text(delivery.body.decode("utf-8", "replace"))}
        try:
            document = read_body(delivery.body)
            received_at = delivery.sent_at or self._clock()
            read = self._runner.kinds.by_queue[kind].read
            return Decoded(delivery, document, read(document, origin=origin_of(delivery), received_at=received_at))
        except Rejected as error:
            return Decoded(delivery, document, error)

    async def _by_tenant(
        self, decoded: Sequence[Decoded]
    ) -> tuple[dict[TenantId, list[Decoded]], list[tuple[Decoded, Rejected]]]:
        # Whose they are is judged by what is at least as young as they are: a number may have been added a moment ago.
        await self._directory.renew()
        numbers = {number for each in decoded if (number := _number_of(each)) is not None}
        routes = await self._directory.routes_of(RouteKind.PHONE_NUMBER_ID, numbers)
        owners = {number: route.tenant_id for number, route in routes.items()}
        by_tenant: dict[TenantId, list[Decoded]] = {}
        homeless: list[tuple[Decoded, Rejected]] = []
        for each in decoded:
            try:
                tenant = await self._tenant_of(each, owners)
            except Rejected as error:
                homeless.append((each, error if not isinstance(each.item, Rejected) else each.item))
                continue
            number = _number_of(each)
            if number is not None and owners.get(number) != tenant:
                text = f"Number {number} is none of tenant {tenant}'s. Correct the header or the number, then replay it."
                each = replace(each, item=Rejected(Reason.UNKNOWN_TENANT, text))
            by_tenant.setdefault(tenant, []).append(each)
        return by_tenant, homeless

    async def _tenant_of(self, decoded: Decoded, owners: dict[str, TenantId]) -> TenantId:
        """By the header, else by the number, else the only tenant there is; `Rejected` when none of them tells."""
        named = decoded.delivery.headers.get(TENANT_HEADER)
        if named is not None:
            tenant = _slug(named)
            # Not the tenant itself, whose secrets might not open: its message could not even be set aside then.
            if tenant in (None, PLATFORM) or await self._directory.find_status(tenant) is None:
                raise Rejected(Reason.UNKNOWN_TENANT, f"The header {TENANT_HEADER} names no tenant that exists.")
            return tenant
        number = _number_of(decoded)
        if number is not None:
            if number not in owners:
                raise Rejected(Reason.UNKNOWN_TENANT, f"No tenant has number {number}, and there is no header {TENANT_HEADER}.")
            return owners[number]
        tenants = await self._directory.first_tenants()
        if len(tenants) != 1:
            raise Rejected(
                Reason.UNKNOWN_TENANT, f"There are several tenants, or none, and no header {TENANT_HEADER} names one."
            )
        return tenants[0]

    async def _work_tenant(self, kind: str, tenant: TenantId, decoded: Sequence[Decoded]) -> None:
        view = await self._directory.get_tenant(tenant)
        await self._runner.run(tenant, view, self._taken(kind, decoded))
        self._worked(tenant)

    def _taken(self, kind: str, decoded: Sequence[Decoded]) -> list[Taken]:
        now, pipeline = self._clock(), self._runner.kinds.by_queue[kind].pipeline
        return [Taken(each.item, now, each.origin, each.document, pipeline) for each in decoded]


def _number_of(decoded: Decoded) -> str | None:
    if isinstance(decoded.item, InboundMessage):
        return decoded.item.phone_number_id or None
    number = decoded.document.get("phone_number_id")
    return number if isinstance(number, str) and number else None


def _slug(value: Any) -> TenantId | None:
    try:
        return parse_tenant_id(value.decode() if isinstance(value, bytes) else str(value))
    except (BadRequest, UnicodeDecodeError):
        return None
