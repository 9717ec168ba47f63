"""From queue messages to pipelines: decode, find the tenant, run each tenant's, keep what cannot be used with its reason."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from waystate.broker.consumer import QueueMessage
from waystate.broker.letters import TENANT_HEADER, Decoded, letter_of, origin_of, parked
from waystate.broker.publisher import Outgoing
from waystate.clock import Clock
from waystate.db.failures import is_outage
from waystate.db.pool import Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter
from waystate.deliveries import settle
from waystate.deliveries.meter import Meter
from waystate.deliveries.settle import advance_and_settle, advance_waiting
from waystate.documents import JsonObject, clean_text
from waystate.errors import BadRequest, Reason, Rejected, Retry
from waystate.events import outbox
from waystate.events.model import OutboundRefused
from waystate.events.outbox import AfterCommit
from waystate.ids import PLATFORM, TenantId, new_id, parse_tenant_id
from waystate.messages import correlate, receive, send
from waystate.messages.advance import Advanced
from waystate.messages.model import Correlation, InboundMessage, OutboundMessage, StatusReport
from waystate.messages.receive import numbers_of
from waystate.messages.status import parse_status, unknown_status
from waystate.pipeline.items import SendResult, parse_payload, read_body
from waystate.tenants.model import RouteKind
from waystate.tenants.routing import Directory, TenantView
from waystate.work import store as work_store
from waystate.work.batch import in_halves, with_retries

T = TypeVar("T")

Park = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Publishes with confirms: what has no tenant is kept in the broker's own dead-letter queue."""
Worked = Callable[[TenantId], None]
"""Told of every tenant that may have something new to relay."""
Verdict = Rejected | None
Handler = Callable[[TenantId, TenantView, Sequence[Decoded]], Awaitable[list[Verdict]]]


class QueuePipeline:
    def __init__(
        self, db: Database, directory: Directory, meter: Meter, changed: AfterCommit, worked: Worked, park: Park, clock: Clock
    ) -> None:
        self._db = db
        self._directory = directory
        self._meter = meter
        self._changed = changed
        self._worked = worked
        self._park = park
        self._clock = clock
        self._handlers: dict[str, Handler] = {
            "inbound": self._inbound,
            "outbound": self._outbound,
            "status": self._statuses,
            "correlation": self._correlations,
            "send_results": self._send_results,
        }

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
            await self._bury(tenant, [letter_of(kind, each, each.item) for each in items if isinstance(each.item, Rejected)])
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
            return Decoded(
                delivery, document, parse_payload(kind, document, origin=origin_of(delivery), received_at=received_at)
            )
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
        usable = [each for each in decoded if not isinstance(each.item, Rejected)]
        letters = [letter_of(kind, each, each.item) for each in decoded if isinstance(each.item, Rejected)]
        results = await in_halves(usable, partial(self._handlers[kind], tenant, view))
        for each, result in zip(usable, results, strict=True):
            if result is not None:
                letters.append(letter_of(kind, each, result))
        if letters:
            await self._bury(tenant, letters)
        self._worked(tenant)

    async def _inbound(self, tenant: TenantId, view: TenantView, batch: Sequence[Decoded]) -> list[Verdict]:
        taken_at = self._clock()
        numbered = await self._with_numbers(tenant, view, _items(batch, InboundMessage))
        usable = [each for each in numbered if isinstance(each, InboundMessage)]
        events = await receive.handle(tenant, view.settings, usable, self._db, self._clock) if usable else []
        self._changed(tenant, events)
        self._meter.inbound(events, {message.wamid: taken_at for message in usable})
        return [each if isinstance(each, Rejected) else None for each in numbered]

    async def _with_numbers(
        self, tenant: TenantId, view: TenantView, messages: Sequence[InboundMessage]
    ) -> list[InboundMessage | Rejected]:
        if all(message.phone_number_id for message in messages):
            return list(messages)
        async with self._db.tenant(tenant) as conn:
            numbers = await numbers_of(conn, tenant, view, messages, self._clock())
        return [
            replace(message, phone_number_id=number)
            if number
            else Rejected(Reason.INVALID_PAYLOAD, "No phone_number_id is named, and the tenant has no default number.")
            for message, number in zip(messages, numbers, strict=True)
        ]

    async def _outbound(self, tenant: TenantId, view: TenantView, batch: Sequence[Decoded]) -> list[Verdict]:
        """What is kept as failed is a dead letter too, in the same transaction: a repeat says nothing of it any more."""
        taken_at = self._clock()
        numbers = send.numbers_of(view)
        messages = _items(batch, OutboundMessage)
        async with self._db.tenant(tenant) as conn:
            results, events = await send.process(conn, tenant, view.settings, messages, numbers, taken_at)
            refused = [
                letter_of("outbound", each, result)
                for each, result in zip(batch, results, strict=True)
                if isinstance(result, OutboundRefused)
            ]
            if refused:
                await dead_letter_store.insert_many(conn, tenant, refused)
            await outbox.append_many(conn, tenant, events)
        self._meter.dead_letters(refused)
        self._changed(tenant, events)
        self._meter.outbound(results, [taken_at] * len(results))
        return [each if isinstance(each, Rejected) else None for each in results]

    async def _statuses(self, tenant: TenantId, _: TenantView, batch: Sequence[Decoded]) -> list[Verdict]:
        reports = _items(batch, StatusReport)
        advanced = await settle.handle(tenant, reports, self._db, self._clock)
        return self._advanced(advanced, reports)

    async def _send_results(self, tenant: TenantId, _: TenantView, batch: Sequence[Decoded]) -> list[Verdict]:
        """A wamid that becomes known here lets the statuses that waited for it through."""
        now = self._clock()
        reports = [each.report for each in _items(batch, SendResult)]
        async with self._db.tenant(tenant) as conn:
            advanced = await advance_and_settle(conn, tenant, reports, now)
            late = await advance_waiting(conn, tenant, {each.wamid for each in reports if each.wamid}, now)
            await outbox.append_many(conn, tenant, [*advanced.events, *late.events])
        self._meter.advanced(late)
        unknown = {id(report) for report in advanced.early}
        verdicts = self._advanced(advanced, reports)
        return [
            _no_message(report) if id(report) in unknown else verdict for report, verdict in zip(reports, verdicts, strict=True)
        ]

    async def _correlations(self, tenant: TenantId, _: TenantView, batch: Sequence[Decoded]) -> list[Verdict]:
        results = await correlate.handle(tenant, _items(batch, Correlation), self._db, self._clock)
        self._changed(tenant, [event for each in results if not isinstance(each, Rejected) for event in each])
        return [each if isinstance(each, Rejected) else None for each in results]

    def _advanced(self, advanced: Advanced, reports: Sequence[StatusReport]) -> list[Verdict]:
        """A lower status is history; one that a message of that direction cannot have is refused."""
        self._meter.advanced(advanced)
        wrong = {
            id(step.report): step.state.direction
            for steps in advanced.merged.values()
            for step in steps
            if parse_status(step.report.status, step.state.direction) is None
        }
        return [
            Rejected(Reason.STATE_VIOLATION, unknown_status(report.status, wrong[id(report)])) if id(report) in wrong else None
            for report in reports
        ]

    async def _bury(self, tenant: TenantId, letters: Sequence[DeadLetter]) -> None:
        async def insert() -> None:
            async with self._db.tenant(tenant) as conn:
                await dead_letter_store.insert_many(conn, tenant, letters)

        await with_retries(insert)
        self._meter.dead_letters(letters)


def _items(batch: Sequence[Decoded], kind: type[T]) -> list[T]:
    return [each.item for each in batch if isinstance(each.item, kind)]


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


def _no_message(report: StatusReport) -> Rejected:
    return Rejected(Reason.MAPPING_NOT_FOUND, f"The tenant has no message {report.message_id}; replay it once it is there.")
