"""One way to run a tenant's items, whichever door they came by: a transaction a batch, a verdict an item.

A new kind of item is a row of `KINDS` and the function that does its work. Its type belongs to the noun it is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from waystate.channels.model import AccountReport, TemplateReport
from waystate.clock import Clock
from waystate.conversations.model import ConversationEnd
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DONE_BEFORE, Pipeline, Verdict
from waystate.deliveries.model import RefusedDelivery
from waystate.deliveries.resend import resend_many
from waystate.deliveries.tell import tell_many
from waystate.deliveries.withdraw import fail_displaced
from waystate.errors import Reason, Rejected
from waystate.events import outbox
from waystate.events.model import (
    AccountChanged,
    Event,
    InboundEnriched,
    MessageEdited,
    MessagePlanned,
    MessageRevoked,
    OutboundProcessed,
    OutboundRefused,
)
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.media.attached import track_attachments
from waystate.media.inbound import name_files, track_edits, track_files
from waystate.messages import advance as message_status
from waystate.messages import correlate, note, receive, send
from waystate.messages import store as message_store
from waystate.messages.amend import Amending, amend_many
from waystate.messages.model import (
    AddressBookEntry,
    AgentTyping,
    CallReport,
    Correlation,
    EchoedMessage,
    GenesysReceipt,
    InboundMessage,
    OutboundMessage,
    PastMessage,
    StandbyMessage,
    Status,
    StatusReport,
)
from waystate.pipeline.batch import Batch, Judged, Taken, Work
from waystate.pipeline.beside import (
    run_account_reports,
    run_address_book,
    run_calls,
    run_echoes,
    run_history,
    run_preferences,
    run_standby,
    run_templates,
    run_typing,
)
from waystate.pipeline.ends import run_ends
from waystate.pipeline.items import (
    FROM_QUEUE,
    CorrelationPayload,
    InboundPayload,
    Kind,
    Kinds,
    OutboundPayload,
    SendResult,
    SendResultPayload,
    StatusPayload,
    with_usable_group,
)
from waystate.pipeline.reasons import letter_of, rejection_of
from waystate.pipeline.reports import run_receipts, run_statuses
from waystate.preferences.model import PreferenceReport
from waystate.tenants.routing import TenantView
from waystate.web.metrics import Metrics
from waystate.work.batch import in_halves, with_retries

_REFUSED = frozenset(
    {
        *(Reason.WINDOW_CLOSED, Reason.RECIPIENT_MOVED, Reason.MAPPING_STATUS_CLOSED, Reason.MAPPING_STATUS_EXPIRED),
        *(Reason.INVALID_PAYLOAD, Reason.NOT_IN_CONTROL, Reason.GROUP_UNAVAILABLE, Reason.NOT_FOR_GROUPS),
    }
)
"""Why an agent's message is tracked as failed and never sent; one from a queue is a dead letter beside that."""

_TRACKED = {
    InboundEnriched: ("inbound", "webhook_to_tracked"),
    OutboundProcessed: ("outbound", "genesys_to_tracked"),
    OutboundRefused: ("outbound", "genesys_to_tracked"),
}
"""A message's direction and the hop that ends with its event."""

_SENT_AGAIN = Verdict("It is sent again, at the end of its customer's order.")


async def run_inbound(batch: Batch, messages: Sequence[InboundMessage]) -> Judged:
    is_told = not batch.is_replay and all(message.phone_number_id for message in messages)
    numbered = [with_usable_group(each) for each in (messages if is_told else await _with_numbers(batch, messages))]
    usable = [each for each in numbered if isinstance(each, InboundMessage)]
    if any(map(note.is_note, usable)):
        events, noted = await _track_with_notes(batch, usable)
    else:
        events, noted = await _track(batch, usable), Judged()
    await track_edits(batch.conn, batch.tenant, usable, events, batch.now)
    new = {event.wamid: event for event in events if isinstance(event, InboundEnriched)}
    of_notes = iter(noted.verdicts)
    verdicts: list[Verdict] = []
    for each in numbered:
        if isinstance(each, Rejected):
            verdicts.append(Verdict(error=each))
        elif note.is_note(each):
            verdicts.append(next(of_notes))
        elif event := new.pop(each.wamid, None):
            verdicts.append(Verdict("It is tracked, at the end of its customer's order.", (event,)))
        else:
            verdicts.append(DONE_BEFORE)
    return Judged(verdicts, [*events, *noted.events])


async def _track(batch: Batch, messages: Sequence[InboundMessage]) -> list[Event]:
    if not messages:
        return []
    named = name_files(messages, batch.view)
    events = await receive.track(batch.conn, batch.tenant, batch.view.settings, named, batch.now)
    await track_files(batch.conn, batch.tenant, events, batch.now)
    return events


async def _track_with_notes(batch: Batch, messages: Sequence[InboundMessage]) -> tuple[list[Event], Judged]:
    """The events of what customers wrote and of changes of their ids; and what became of the notes."""
    events: list[Event] = []
    writers: dict[str, UUID] = {}
    for stretch in _stretches(messages):
        events += await _track(batch, [each for each in stretch if not note.is_note(each)])
        told = [each for each in stretch if note.is_note(each) and each.wamid not in writers]
        writers |= await note.find_writers(batch.conn, batch.tenant, told) if told else {}
        events += await note.change_many(batch.conn, batch.tenant, stretch, batch.now)
    notes = name_files([each for each in messages if note.is_note(each)], batch.view)
    return events, await _note(batch, notes, writers)


def _stretches(messages: Sequence[InboundMessage]) -> list[list[InboundMessage]]:
    """Each ends with a change of somebody's ids: who wrote before it did so by the old ones."""
    stretches: list[list[InboundMessage]] = [[]]
    for each in messages:
        stretches[-1].append(each)
        if note.change_of(each) is not None:
            stretches.append([])
    return stretches


async def _note(batch: Batch, messages: Sequence[InboundMessage], writers: Mapping[str, UUID]) -> Judged:
    """What is kept with no conversation is said so with the webhook that brought it."""
    spoken = await note.find_spoken(batch.conn, batch.tenant, messages, writers)
    kept, events = await note.note_many(batch.conn, batch.tenant, batch.view.settings, messages, writers, batch.now, spoken)
    amending = [
        Amending(each, said.group.contact_id if said else writers[each.wamid], home, said)
        for each, home in zip(messages, kept, strict=True)
        if each.amends and each.wamid in writers and ((said := spoken.get(each.wamid)) or each.group_id is None)
    ]
    amended = await amend_many(batch.conn, batch.tenant, amending, batch.now)
    changed = {event.changed_by for event in amended if isinstance(event, MessageEdited | MessageRevoked)}
    new = {event.wamid: event for event in events}
    verdicts: list[Verdict] = []
    for message, conversation in zip(messages, kept, strict=True):
        why = note.NOTES[message.type]
        event = new.pop(message.wamid, None)
        if conversation is None and message.wamid in changed:
            verdicts.append(Verdict(f"The message that it names is changed: {why}."))
        elif conversation is None:
            text = f"{why}; they have no open conversation that it could be kept with"
            verdicts.append(Verdict(f"Nothing is done: {text}.", aside=(message.type, text)))
        else:
            verdicts.append(Verdict(f"It is kept with the open conversation: {why}.", () if event is None else (event,)))
    return Judged(verdicts, [*events, *amended])


async def _with_numbers(batch: Batch, messages: Sequence[InboundMessage]) -> Sequence[InboundMessage | Rejected]:
    """Which number a message is to: the one it names, else its customer's latest, else the tenant's default."""
    numbers = await receive.numbers_of(batch.conn, batch.tenant, batch.view, messages, batch.now)
    return [_with_number(batch, message, number) for message, number in zip(messages, numbers, strict=True)]


def _with_number(batch: Batch, message: InboundMessage, number: str) -> InboundMessage | Rejected:
    if not number:
        return Rejected(Reason.INVALID_PAYLOAD, "No phone_number_id is named, and the tenant has no default number.")
    if batch.is_replay and number not in batch.view.accounts:
        text = f"Number {number} is none of this tenant's. Add its account or correct the number."
        return Rejected(Reason.UNKNOWN_TENANT, text)
    return replace(message, phone_number_id=number)


async def run_outbound(batch: Batch, messages: Sequence[OutboundMessage]) -> Judged:
    """What a queue's sender sent and is kept as failed is a dead letter too: a repeat says nothing of it any more."""
    processed = await send.process(
        batch.conn, batch.tenant, batch.view.settings, messages, send.numbers_of(batch.view), batch.now
    )
    await track_attachments(batch.conn, batch.tenant, processed.files, batch.now)
    if processed.displaced:
        processed.events += await fail_displaced(batch.conn, batch.tenant, processed.displaced, batch.now)
    verdicts: list[Verdict] = []
    for message, result in zip(messages, processed.results, strict=True):
        match result:
            case OutboundRefused() if message.origin.startswith(FROM_QUEUE):
                refusal = Rejected(Reason(result.code), f"{result.reason} It is kept as failed.")
                verdicts.append(Verdict(events=(result,), error=refusal))
            case OutboundRefused():
                verdicts.append(Verdict(f"It is kept as failed, and Genesys is told: {result.reason}", (result,)))
            case Rejected():
                verdicts.append(Verdict(error=result))
            case None:
                verdicts.append(await _repeated(batch, message) if batch.is_replay else DONE_BEFORE)
            case MessagePlanned():
                verdicts.append(Verdict("It is held until the customer writes.", (result,)))
            case _:
                verdicts.append(Verdict("It is queued for WhatsApp.", (result,)))
    return Judged(verdicts, processed.events)


async def _repeated(batch: Batch, message: OutboundMessage) -> Verdict:
    """A message that was refused when it came is not sent by a replay of the same id: its sender was told otherwise."""
    if not message.origin.startswith(FROM_QUEUE):
        return DONE_BEFORE
    ids = await message_store.find_ids(batch.conn, batch.tenant, [message.genesys_message_id])
    known = await message_store.find_message(batch.conn, batch.tenant, ids[message.genesys_message_id]) if ids else None
    code = ((known or {}).get("error") or {}).get("code")
    if known is None or known["status"] != Status.FAILED or code not in _REFUSED:
        return DONE_BEFORE
    text = (
        "The message is kept as failed and never sent under the same id. Once the customer has written again, give it a new "
        "genesys_message_id and replay it, or discard it."
    )
    return Verdict(error=Rejected(Reason(code), text))


async def run_correlations(batch: Batch, correlations: Sequence[Correlation]) -> Judged:
    results, events = await correlate.process(batch.conn, batch.tenant, correlations, batch.now)
    verdicts = [
        Verdict(error=result)
        if isinstance(result, Rejected)
        else Verdict("The conversation is correlated.", tuple(result))
        if result
        else DONE_BEFORE
        for result in results
    ]
    return Judged(verdicts, events)


async def run_deliveries(batch: Batch, refused: Sequence[RefusedDelivery]) -> Judged:
    sends = await resend_many(batch.conn, batch.tenant, batch.view, dict(enumerate(refused)), batch.now, lanes=batch.lanes)
    return Judged(
        [Verdict(error=each) if isinstance(each, Rejected) else _SENT_AGAIN if each else DONE_BEFORE for each in sends.values()]
    )


KINDS = Kinds(
    Kind(
        name="inbound",
        item=InboundMessage,
        work=run_inbound,
        pipeline=Pipeline.INBOUND,
        queued=InboundPayload,
        purpose="Find or open the conversation and track the message, once. Told as `inbound.enriched`.",
        needed=(("wamid",), ("phone_number_id",), ("wa_id", "user_id")),
    ),
    Kind(
        name="outbound",
        item=OutboundMessage,
        work=run_outbound,
        pipeline=Pipeline.OUTBOUND,
        queued=OutboundPayload,
        purpose="Find the customer, check the conversation and the window, queue the message. Told as `outbound.processed`.",
        needed=(("genesys_message_id",), ("conversation_id", "recipient_id")),
    ),
    Kind(
        name="typing",
        item=AgentTyping,
        work=run_typing,
        pipeline=Pipeline.OUTBOUND,
        told_by="typed_at",
        needed=(("conversation_id", "recipient_id"),),
    ),
    # After the messages that they follow on, before the statuses that they get.
    Kind(
        name="echoes",
        item=EchoedMessage,
        work=run_echoes,
        pipeline=Pipeline.ECHOES,
        needed=(("wamid",), ("phone_number_id",), ("wa_id", "user_id")),
    ),
    Kind(
        name="history",
        item=PastMessage,
        work=run_history,
        pipeline=Pipeline.HISTORY,
        needed=(("wamid",), ("phone_number_id",), ("wa_id", "user_id")),
    ),
    # After the messages: a status can only concern one that is here already, or waits as an early one.
    Kind(
        name="status",
        item=StatusReport,
        work=run_statuses,
        pipeline=Pipeline.STATUS,
        queued=StatusPayload,
        purpose="Advance the message. Told as `message.status`.",
        told_by="status",
        needed=(("wamid", "message_id"), ("status",)),
    ),
    Kind(
        name="receipts",
        item=GenesysReceipt,
        work=run_receipts,
        pipeline=Pipeline.STATUS,
        told_by="names",
        needed=(("names",),),
    ),
    Kind(
        name="correlation",
        item=Correlation,
        work=run_correlations,
        pipeline=Pipeline.CORRELATION,
        queued=CorrelationPayload,
        purpose="Attach Genesys' ids to the conversation. Told as `conversation.correlated`.",
        needed=(("conversation_id",), ("whatsapp_message_id",)),
    ),
    # After the messages that were said before it.
    Kind(
        name="ends",
        item=ConversationEnd,
        work=run_ends,
        pipeline=Pipeline.CORRELATION,
        told_by="ended_at",
        needed=(("conversation_id",),),
    ),
    Kind(
        name="send_results",
        item=SendResult,
        work=run_statuses,
        pipeline=Pipeline.STATUS,
        queued=SendResultPayload,
        purpose="For numbers with `sender: external`: attach the wamid, advance to `sent` or `failed`.",
    ),
    Kind(
        name="deliveries",
        item=RefusedDelivery,
        work=run_deliveries,
        pipeline=Pipeline.DELIVERIES,
        needed=(),
        fixed=("message_id", "target", "request.channel.messageId", "request.channel.time"),
    ),
    Kind(
        name="templates",
        item=TemplateReport,
        work=run_templates,
        pipeline=Pipeline.TEMPLATES,
        needed=(("business_account_id",), ("external_id", "name")),
    ),
    Kind(
        name="preferences",
        item=PreferenceReport,
        work=run_preferences,
        pipeline=Pipeline.PREFERENCES,
        needed=(("phone_number_id",), ("marketing",), ("wa_id", "user_id")),
    ),
    Kind(
        name="calls",
        item=CallReport,
        work=run_calls,
        pipeline=Pipeline.CALLS,
        needed=(("call_id",), ("phone_number_id",), ("event",), ("wa_id", "user_id")),
    ),
    Kind(
        name="standby",
        item=StandbyMessage,
        work=run_standby,
        pipeline=Pipeline.STANDBY,
        needed=(("wamid",), ("phone_number_id",), ("wa_id", "user_id")),
    ),
    # After the messages by which customers become known.
    Kind(
        name="address_book",
        item=AddressBookEntry,
        work=run_address_book,
        pipeline=Pipeline.ADDRESS_BOOK,
        needed=(("phone_number_id",), ("wa_id",), ("name",)),
    ),
    Kind(
        name="account",
        item=AccountReport,
        work=run_account_reports,
        pipeline=Pipeline.ACCOUNT,
        needed=(("field",), ("sentence",), ("digest",)),
    ),
)


class Runner:
    """Runs what the doors take in. `lanes` are those deliveries fall into; `changed` hears of events after their commit."""

    def __init__(
        self,
        db: Database,
        metrics: Metrics,
        changed: AfterCommit,
        clock: Clock,
        *,
        lanes: int,
        kinds: Kinds = KINDS,
    ) -> None:
        self._db = db
        self._metrics = metrics
        self._changed = changed
        self._clock = clock
        self._lanes = lanes
        self.kinds = kinds

    async def run(self, tenant: TenantId, view: TenantView, taken: Sequence[Taken]) -> list[Verdict]:
        """Durable when it returns: the effects, or a dead letter of each item whose verdict is an error. `Retry` in an outage.

        A transaction for the items of each kind, halved where it fails, so that a bad item comes to nothing alone.
        """
        works = [self.kinds.works.get(type(each.item)) for each in taken]
        verdicts: dict[int, Verdict] = {}
        # None is the work of what a door has rejected.
        failed = {place: taken[place].item for place, work in enumerate(works) if work is None}
        for work in self.kinds.in_order:
            places = [place for place, each in enumerate(works) if each is work]
            if not places:
                continue
            results = await in_halves([taken[place] for place in places], partial(self._transact, tenant, view, work))
            for place, result in zip(places, results, strict=True):
                if isinstance(result, Exception):
                    failed[place] = rejection_of(result)
                else:
                    verdicts[place] = result
        if failed:
            await self.bury(tenant, [(taken[place], error) for place, error in failed.items()], view)
            verdicts |= {place: Verdict(error=error) for place, error in failed.items()}
        return [verdicts[place] for place in range(len(taken))]

    async def bury(self, tenant: TenantId, failed: Sequence[tuple[Taken, Rejected]], view: TenantView | None = None) -> None:
        """Make dead letters. Without a `view` nothing of the tenant is read, which may be broken, and Genesys is not told."""
        letters = [letter_of(taken, error, self.kinds) for taken, error in failed]

        async def insert() -> None:
            async with self._db.tenant(tenant) as conn:
                await dead_letter_store.insert_many(conn, tenant, letters)
                if view is not None:
                    await self._tell(conn, tenant, view, failed)

        await with_retries(insert)
        dead_letter_store.count(self._metrics, letters)

    async def answer(self, tenant: TenantId, view: TenantView, work: Work, items: Sequence[Any]) -> list[Verdict]:
        """For callers who wait: what an item came to is told, and kept nowhere. Of one kind, in one transaction."""
        async with self._db.tenant(tenant) as conn:
            judged = await work(Batch(conn, tenant, view, self._clock(), self._lanes), items)
            await outbox.append_many(conn, tenant, judged.events)
        self._changed(tenant, judged.events)
        self._count_statuses(judged)
        return judged.verdicts

    async def _transact(self, tenant: TenantId, view: TenantView, work: Work, taken: Sequence[Taken]) -> list[Verdict]:
        async with self._db.tenant(tenant) as conn:
            judged = await work(Batch(conn, tenant, view, self._clock(), self._lanes), [each.item for each in taken])
            failed = [
                (each, verdict.error)
                for each, verdict in zip(taken, judged.verdicts, strict=True)
                if isinstance(verdict.error, Rejected)
            ]
            letters = [letter_of(each, error, self.kinds) for each, error in failed]
            if letters:
                await dead_letter_store.insert_many(conn, tenant, letters)
                await self._tell(conn, tenant, view, failed)
            # Last, for the lock it takes.
            await outbox.append_many(conn, tenant, judged.events)
        self._changed(tenant, judged.events)
        self._count_tracked(judged.verdicts, taken)
        self._count_statuses(judged)
        dead_letter_store.count(self._metrics, letters)
        return judged.verdicts

    def _count_tracked(self, verdicts: Sequence[Verdict], taken: Sequence[Taken]) -> None:
        now = self._clock()
        for verdict, each in zip(verdicts, taken, strict=True):
            for event in verdict.events:
                if isinstance(event, AccountChanged):
                    self._metrics.account_events_total.labels(event.severity).inc()
                if (tracked := _TRACKED.get(type(event))) is not None:
                    direction, hop = tracked
                    self._metrics.messages_total.labels(direction).inc()
                    self._metrics.hop(hop, each.at, now)

    def _count_statuses(self, judged: Judged) -> None:
        for advanced in judged.advanced:
            message_status.count(self._metrics, advanced, self._clock())

    async def _tell(
        self, conn: Connection, tenant: TenantId, view: TenantView, failed: Sequence[tuple[Taken, Rejected]]
    ) -> None:
        refused = [(taken.item, error) for taken, error in failed if isinstance(taken.item, OutboundMessage)]
        if refused:
            await tell_many(conn, tenant, view, refused, self._clock(), lanes=self._lanes)
