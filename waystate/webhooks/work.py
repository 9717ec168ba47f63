"""From ledger rows to messages: parse, route to tenants, run each tenant's items, and say what became of every row."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from waystate import documents
from waystate.channels.genesys.parse import parse_webhook as parse_genesys
from waystate.channels.model import Ignored, Parsed, Routed
from waystate.channels.whatsapp.parse import parse_webhook as parse_whatsapp
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.deliveries import settle
from waystate.deliveries.meter import Meter
from waystate.errors import Reason, Rejected
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow, Received, child_id
from waystate.messages import receive, send
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport
from waystate.tenants import store as tenant_store
from waystate.tenants.model import RouteKind
from waystate.tenants.routing import Directory, TenantView
from waystate.webhooks.outcomes import TenantItems, Worked, letter_of, letter_of_unusable
from waystate.work.batch import in_halves, with_retries
from waystate.work.lanes import lane_of

MAX_ATTEMPTS = 4
"""A body that processes died on so often, lately alone with it, is set aside: it is what kills them."""

T = TypeVar("T")
R = TypeVar("R")


class WebhookPipeline:
    """`lanes` is the number of ledger lanes; items of a number of another lane are handed over to it."""

    def __init__(
        self, db: Database, directory: Directory, meter: Meter, changed: AfterCommit, clock: Clock, *, lanes: int
    ) -> None:
        self._db = db
        self._directory = directory
        self._meter = meter
        self._changed = changed
        self._clock = clock
        self._lanes = lanes

    async def work(self, rows: Sequence[LedgerRow]) -> set[TenantId]:
        """Work a batch of rows in their order; the tenants that have something new to relay. `Retry` in an outage.

        Where the directory changed before it was written down that an item is nobody's, the rows are given back: it may be
        somebody's by now, and what was rejected before is worked before it. What had its effect has none again.
        """
        revision, generation = self._directory.revision, self._directory.generation
        batch = [Worked(row) for row in rows]
        handed_over: list[Received] = []
        routed = [(worked, item) for worked in batch for item in self._parse(worked, handed_over)]
        by_tenant = await self._by_tenant(routed)
        if self._directory.generation != generation:
            await self._give_back(rows)
            return set()
        tenants = list(by_tenant)
        await asyncio.gather(*(self._work_tenant(tenant, by_tenant[tenant]) for tenant in tenants))
        settled = [worked.settled() for worked in batch]

        async def settle() -> bool:
            async with self._db.work() as conn:
                if any(worked.unrouted for worked in batch) and await tenant_store.hold_revision(conn) != revision:
                    return False
                if handed_over:
                    await ledger_store.hand_over_many(conn, handed_over)
                await ledger_store.settle_many(conn, settled)
            return True

        if not await with_retries(settle):
            await self._give_back(rows)
            return set(tenants)
        self._meter.ledger(settled)
        return set(tenants)

    async def _give_back(self, rows: Sequence[LedgerRow]) -> None:
        await self._directory.renew()

        async def give_back() -> None:
            async with self._db.work() as conn:
                await ledger_store.give_back_many(conn, rows)

        await with_retries(give_back)

    async def set_aside(self, row: LedgerRow, error: Exception) -> None:
        """A row that keeps failing in our own code must not stop its lane; it is kept, with the reason, for a later replay."""
        worked = Worked(row)
        worked.reject(Reason.DATABASE_ERROR, f"It keeps failing ({type(error).__name__}); report it, then replay it.")
        async with self._db.work() as conn:
            await ledger_store.settle_many(conn, [worked.settled()])
        self._meter.ledger([worked.settled()])

    def _parse(self, worked: Worked, handed_over: list[Received]) -> list[Routed]:
        row = worked.row
        if row.attempts > MAX_ATTEMPTS:
            worked.reject(
                Reason.INVALID_PAYLOAD, f"Processes died {MAX_ATTEMPTS} times on this body; report it before replaying."
            )
            return []
        try:
            if row.source == "genesys":
                parsed = parse_genesys(row.body, row.origin, row.received_at, row.name)
            else:
                parsed = parse_whatsapp(row.body, row.received_at, row.name)
        except documents.Unreadable as error:
            worked.reject(Reason.INVALID_PAYLOAD, f"The body cannot be read: {error}.")
            return []
        worked.items = len(parsed.items)
        return self._own_items(row, parsed, handed_over)

    def _own_items(self, row: LedgerRow, parsed: Parsed, handed_over: list[Received]) -> list[Routed]:
        """The items of this row's lane: one lane alone works a number, so another lane's become a ledger row of their own.

        A child's id is made of its parent and its number, so a crash in between hands over the same child again.
        """
        if row.parent is not None:
            parent = row.parent
            return [item for item in parsed.items if item.phone_number_id and child_id(parent, item.phone_number_id) == row.id]
        others = {
            item.phone_number_id
            for item in parsed.items
            if item.phone_number_id is not None and lane_of(item.phone_number_id, self._lanes) != row.lane
        }
        handed_over += [
            Received(
                id=child_id(row.id, number),
                source=row.source,
                origin=row.origin,
                lane=lane_of(number, self._lanes),
                received_at=row.received_at,
                body=row.body,
                parent=row.id,
            )
            for number in sorted(others)
        ]
        return [item for item in parsed.items if item.phone_number_id not in others]

    async def _by_tenant(self, routed: Sequence[tuple[Worked, Routed]]) -> dict[TenantId, TenantItems]:
        numbers = await self._directory.routes_of(
            RouteKind.PHONE_NUMBER_ID, {item.phone_number_id for _, item in routed if item.phone_number_id}
        )
        wabas = await self._directory.routes_of(RouteKind.WABA, {item.waba_id for _, item in routed if item.waba_id})
        integrations = await self._directory.routes_of(
            RouteKind.GENESYS_INTEGRATION, {item.integration_id for _, item in routed if item.integration_id}
        )
        by_tenant: dict[TenantId, TenantItems] = {}
        for worked, item in routed:
            if isinstance(item.value, Ignored):
                worked.ignored.append({"item": item.item, "what": item.value.what, "why": item.value.why})
                continue
            route = (
                integrations.get(item.integration_id or "")
                or numbers.get(item.phone_number_id or "")
                or (wabas.get(item.waba_id or "") if item.phone_number_id is None else None)
            )
            if route is None:
                worked.reject_unrouted(_key_of(item), _unknown(item), item.item)
            elif not await self._is_allowed(route.tenant_id, worked.row, item):
                worked.reject_unrouted(_key_of(item), _foreign(item, worked.row), item.item)
            else:
                by_tenant.setdefault(route.tenant_id, TenantItems()).add(worked, item.value)
        return by_tenant

    async def _is_allowed(self, tenant: TenantId, row: LedgerRow, item: Routed) -> bool:
        """A Meta app may speak only for the numbers, and the business accounts, that are configured under it."""
        if row.source != "whatsapp":
            return True
        view = await self._directory.find_tenant(tenant)
        accounts = [] if view is None else view.accounts.values()
        return any(
            each.meta_app_id == row.origin
            and (
                each.business_account_id == item.waba_id
                if item.phone_number_id is None
                else each.phone_number_id == item.phone_number_id
            )
            for each in accounts
        )

    async def _work_tenant(self, tenant: TenantId, items: TenantItems) -> None:
        """Messages before statuses: a status can only concern a message that is here already, or waits as an early one."""
        view = await self._directory.get_tenant(tenant)
        letters = [letter_of_unusable(worked, value) for worked, value in items.unusable]
        if items.inbound:
            letters += await self._inbound(tenant, view, items.inbound)
        if items.outbound:
            letters += await self._outbound(tenant, view, items.outbound)
        if items.statuses:
            letters += await self._statuses(tenant, items.statuses)
        if letters:
            await with_retries(lambda: self._bury(tenant, letters))

    async def _inbound(
        self, tenant: TenantId, view: TenantView, items: Sequence[tuple[Worked, InboundMessage]]
    ) -> list[DeadLetter]:
        async def handle(batch: Sequence[tuple[Worked, InboundMessage]]) -> list[None]:
            events = await receive.handle(tenant, view.settings, [message for _, message in batch], self._db, self._clock)
            self._changed(tenant, events)
            self._meter.inbound(events, {message.wamid: worked.row.received_at for worked, message in batch})
            return [None] * len(batch)

        return await _run(items, handle, Pipeline.INBOUND)

    async def _outbound(
        self, tenant: TenantId, view: TenantView, items: Sequence[tuple[Worked, OutboundMessage]]
    ) -> list[DeadLetter]:
        numbers = send.numbers_of(view)

        async def handle(batch: Sequence[tuple[Worked, OutboundMessage]]) -> list[send.Result]:
            messages = [message for _, message in batch]
            results = await send.handle(tenant, view.settings, messages, numbers, self._db, self._clock)
            self._changed(tenant, [each for each in results if each is not None and not isinstance(each, Rejected)])
            self._meter.outbound(results, [worked.row.received_at for worked, _ in batch])
            return results

        return await _run(items, handle, Pipeline.OUTBOUND)

    async def _statuses(self, tenant: TenantId, items: Sequence[tuple[Worked, StatusReport]]) -> list[DeadLetter]:
        async def handle(batch: Sequence[tuple[Worked, StatusReport]]) -> list[None]:
            advanced = await settle.handle(tenant, [report for _, report in batch], self._db, self._clock)
            self._meter.advanced(advanced)
            return [None] * len(batch)

        return await _run(items, handle, Pipeline.STATUS)

    async def _bury(self, tenant: TenantId, letters: Sequence[DeadLetter]) -> None:
        async with self._db.tenant(tenant) as conn:
            await dead_letter_store.insert_many(conn, tenant, letters)
        self._meter.dead_letters(letters)


async def _run(
    items: Sequence[tuple[Worked, T]],
    handle: Callable[[Sequence[tuple[Worked, T]]], Awaitable[Sequence[R]]],
    pipeline: Pipeline,
) -> list[DeadLetter]:
    """Run a batch, halved where it fails; what cannot be used becomes a dead letter alone."""
    results = await in_halves(items, handle)
    return [
        letter_of(worked, message, pipeline, result)
        for (worked, message), result in zip(items, results, strict=True)
        if isinstance(result, Exception)
    ]


def _key_of(item: Routed) -> str:
    """The route that it lacked, as `replay_unrouted` is told of a new one."""
    if item.integration_id:
        return f"{RouteKind.GENESYS_INTEGRATION}:{item.integration_id}"
    return f"{RouteKind.PHONE_NUMBER_ID}:{item.phone_number_id}" if item.phone_number_id else f"{RouteKind.WABA}:{item.waba_id}"


def _unknown(item: Routed) -> str:
    return f"No tenant is configured for {_named(item)}. Add the account: then this is worked by itself, in its old order."


def _foreign(item: Routed, row: LedgerRow) -> str:
    return (
        f"The {_named(item)} is not configured under Meta app {row.origin}, whose signature this body carries. Correct the "
        "account's app: then this is worked by itself, in its old order."
    )


def _named(item: Routed) -> str:
    if item.phone_number_id:
        return f"number {item.phone_number_id}"
    return f"business account {item.waba_id}" if item.waba_id else f"integration {item.integration_id}"
