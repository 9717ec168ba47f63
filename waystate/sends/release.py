"""What waits goes out when its time comes, or its customer wrote. A batch is a transaction, so nothing goes out twice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

import structlog

from waystate.channels.whatsapp.outgoing import is_free_form
from waystate.clock import Clock
from waystate.conversations import store as conversation_store
from waystate.conversations.control import SYSTEM, Speaker, SpeakerKind
from waystate.conversations.model import is_window_open
from waystate.conversations.store import Key
from waystate.db.pool import Connection, Database
from waystate.deliveries.withdraw import withdraw_many
from waystate.documents import JsonObject
from waystate.errors import Refused, Retry
from waystate.events import outbox
from waystate.events.model import Event, OutboundProcessed
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId, find_uuid
from waystate.messages import store as message_store
from waystate.messages.closed_window import fits, render_template, takes_text
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, PlannedState, PlanOutcome, told_of_outcomes
from waystate.principal import Actor
from waystate.sends.model import Draft, Posted, SendOutcome, said_in
from waystate.sends.post import post_many
from waystate.sends.queued import send_queued
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import Directory, TenantView
from waystate.work.batch import with_retries
from waystate.work.loops import Hint

log = structlog.get_logger()

BATCH = 200
"""Messages that are released in one transaction."""
HOLD_EXPIRED: JsonObject = {"code": "hold_expired", "title": "Not sent: the customer did not write in time."}
NOT_RELEASED: JsonObject = {
    "code": "release_failed",
    "title": "Not sent: it could not be made a message of; the log of the timers says why. Send it anew.",
}
WINDOW_CLOSED: JsonObject = {
    "code": "window_closed",
    "title": "Not sent: when its time came the customer had not written for 24 hours, and only a template may be sent then.",
}

TOO_LONG: JsonObject = {
    "code": "window_closed",
    "title": "Not sent: when its time came only a template could be sent, and the text does not fit into it whole. Shorten it.",
}


@dataclass(slots=True)
class _Release:
    """What a batch comes to. `held` waits on for its customers, each with the message that asks them to write.

    `events` are to be appended, those of sends in their order.
    """

    outcomes: list[PlanOutcome] = field(default_factory=list)
    held: dict[UUID, UUID | None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def fail(self, planned: PlannedMessage, error: JsonObject) -> None:
        self.outcomes.append(PlanOutcome(planned=planned, state=PlannedState.FAILED, error=error))

    def release(self, planned: PlannedMessage, message_id: UUID) -> None:
        self.outcomes.append(PlanOutcome(planned=planned, state=PlannedState.RELEASED, message_id=message_id))


class Releases:
    """Sends what waits, of whichever tenant."""

    def __init__(self, db: Database, directory: Directory, relay_hint: Hint, changed: AfterCommit, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._relay_hint = relay_hint
        self._changed = changed
        self._clock = clock

    async def release_due(self, tenant: TenantId) -> None:
        """All of the tenant's whose time has come; what waited too long fails, but not what is due."""
        try:
            while await with_retries(partial(self._release, tenant, BATCH)) == BATCH:
                pass
        except Retry:
            raise
        except Exception:
            log.exception("Planned messages are tried one by one: one of them cannot be released.", operation="planned")
            for _ in range(BATCH):
                await self._release_one(tenant)
        while await with_retries(partial(self._expire, tenant)) == BATCH:
            pass

    async def make_due(self, tenant: TenantId) -> None:
        """The net: what is held though its customer's window is open goes out next."""

        async def make_due() -> int:
            async with self._db.tenant(tenant) as conn:
                return await planned_store.make_due_by_windows(conn, tenant, self._clock(), BATCH)

        while await with_retries(make_due) == BATCH:
            pass

    async def _expire(self, tenant: TenantId) -> int:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            overdue = await planned_store.lock_expired(conn, tenant, now, BATCH)
            released = await fail_many(conn, tenant, overdue, HOLD_EXPIRED, now) if overdue else _Release()
            await self._finish(conn, tenant, released, now)
        self._tell(tenant, released.events)
        return len(overdue)

    async def _release_one(self, tenant: TenantId) -> None:
        """What cannot be released must not keep back all that is due behind it."""
        async with self._db.tenant(tenant) as conn:
            first = await planned_store.lock_due(conn, tenant, self._clock(), 1)
        for each in first:
            try:
                await with_retries(partial(self._release, tenant, 1, only=each.id))
            except Retry:
                raise
            except Exception:
                log.exception("A planned message cannot be released and fails.", operation="planned")
                await with_retries(partial(self._give_up, tenant, each.id))

    async def _give_up(self, tenant: TenantId, planned_id: UUID) -> None:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            broken = await planned_store.lock_due(conn, tenant, now, 1, only=planned_id)
            failed = await fail_many(conn, tenant, broken, NOT_RELEASED, now)
            await self._finish(conn, tenant, failed, now)
        self._tell(tenant, failed.events)

    async def _release(self, tenant: TenantId, batch: int, *, only: UUID | None = None) -> int:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            due = await planned_store.lock_due(conn, tenant, now, batch, only=only)
            if await _make_due_beside(conn, tenant, due, now):
                due = await planned_store.lock_due(conn, tenant, now, batch)
            view = await self._directory.find_tenant_in(conn, tenant) if due else None
            if view is None:
                return 0  # nothing is due, or the tenant is being deleted
            released = await release_many(conn, tenant, view, due, now)
            await self._finish(conn, tenant, released, now)
        self._tell(tenant, released.events)
        return len(due)

    async def _finish(self, conn: Connection, tenant: TenantId, released: _Release, now: datetime) -> None:
        if released.held:
            await planned_store.hold_many(conn, tenant, released.held)
        if released.outcomes:
            finished = await planned_store.finish_many(conn, tenant, released.outcomes, now)
            # What a takeover ended in this transaction is told already.
            released.events += told_of_outcomes([each for each in released.outcomes if each.planned.id in finished], now)
        await outbox.append_many(conn, tenant, released.events)

    def _tell(self, tenant: TenantId, events: Sequence[Event]) -> None:
        if events:
            self._changed(tenant, events)
            self._relay_hint.give(tenant)


async def fail_many(
    conn: Connection, tenant: TenantId, planned: Sequence[PlannedMessage], error: JsonObject, now: datetime
) -> _Release:
    """They wait no more, and are not sent; an agent's message among them fails, of which Genesys hears."""
    released = _Release()
    queued = [each.message_id for each in planned if each.message_id is not None]
    if queued:
        _, released.events = await withdraw_many(conn, tenant, queued, now, error=error)
    for each in planned:
        released.fail(each, error)
    return released


async def release_many(
    conn: Connection, tenant: TenantId, view: TenantView, due: Sequence[PlannedMessage], now: datetime
) -> _Release:
    """In the caller's transaction, which holds these rows. Each goes to the conversation that is open by then.

    What was held for the customer was said before whatever was planned for a time that has come since.
    """
    due = sorted(due, key=lambda each: each.send_at is not None)
    await _lock_conversations(conn, tenant, due)
    windows = await conversation_store.find_windows(conn, tenant, {each.key for each in due})
    sendable, closed = _by_window(due, {key for key, at in windows.items() if is_window_open(at, now)})
    released = _Release()
    asks = closed and view.settings.window_policy == "template"
    silent = await planned_store.find_asked(conn, tenant, {each.key for each in closed}) if asks else {}
    asked = _judge_closed(closed, view.settings, silent, released)
    composed = [each for each in sendable if each.message_id is None]
    drafts = [*map(_draft_of, composed), *(_ask(group[0], view.settings) for group in asked)]
    results: list[SendOutcome | Refused] = []
    if drafts:
        posted = await post_many(conn, tenant, view, drafts, now)
        results, released.events = posted.results, posted.events
    for planned, result in zip(composed, results, strict=False):
        _note(released, [planned], result, is_said=True)
    for group, result in zip(asked, results[len(composed) :], strict=True):
        _note(released, group, result, is_said=_is_said_by_template(group[0], view.settings))
    queued = await send_queued(conn, tenant, view, [each for each in sendable if each.message_id is not None], now)
    released.outcomes += queued.outcomes
    released.events = _in_order([*released.events, *queued.events], released.outcomes, due)
    return released


async def _make_due_beside(conn: Connection, tenant: TenantId, due: Sequence[PlannedMessage], now: datetime) -> int:
    """What is held though its customer's window is open, as after a merge, leaves with what was planned for a time, before it.

    How many that were. The net finds what nothing is due beside.
    """
    keys = {each.key for each in due if each.send_at is not None}
    windows = await conversation_store.find_windows(conn, tenant, sorted(keys)) if keys else {}
    is_open = [key for key, at in windows.items() if is_window_open(at, now)]
    return await planned_store.make_due(conn, tenant, is_open, now) if is_open else 0


async def _lock_conversations(conn: Connection, tenant: TenantId, due: Sequence[PlannedMessage]) -> None:
    """All that the batch may touch, at once and in the order of every writer: where its messages wait, and where they go."""
    keys = list({each.key for each in due})
    latest = [each.id for each in await conversation_store.find_latest_many(conn, tenant, keys) if each is not None]
    waiting = [each.message_id for each in due if each.message_id is not None]
    at_home = await message_store.find_conversations(conn, tenant, waiting) if waiting else {}
    await conversation_store.lock_many(conn, tenant, sorted({*latest, *at_home.values()}))


def _by_window(due: Sequence[PlannedMessage], open_keys: Collection[Key]) -> tuple[list[PlannedMessage], list[PlannedMessage]]:
    """Those that may be sent now, templates among them, and those whose customer's window is closed."""
    sendable = [each for each in due if each.key in open_keys or not is_free_form(str(each.request.get("type")))]
    ids = {each.id for each in sendable}
    return sendable, [each for each in due if each.id not in ids]


def _judge_closed(
    closed: Sequence[PlannedMessage], settings: TenantSettings, silent: Mapping[Key, UUID], released: _Release
) -> list[list[PlannedMessage]]:
    """What `settings.window_policy` makes of them: failed, held, or asked for by a template, each group by one.

    What was held until the customer writes is held on, whatever the policy: the window closed again before its turn. Who is
    `silent` was asked already, and has not answered.
    """
    asked: dict[object, list[PlannedMessage]] = {}
    for each in closed:
        if each.send_at is None or each.request.get("holds") or settings.window_policy == "hold":
            released.held[each.id] = None
        elif fault := _find_fault(each, settings):
            released.fail(each, fault)
        elif _is_said_by_template(each, settings):
            asked[each.id] = [each]
        elif each.key in silent:
            released.held[each.id] = silent[each.key]
        else:
            asked.setdefault(each.key, []).append(each)
    return list(asked.values())


def _find_fault(planned: PlannedMessage, settings: TenantSettings) -> JsonObject | None:
    """Why no template can be sent in its place: a text must fit whole, and what is no text has no place in one that says it."""
    template = settings.window_template if settings.window_policy == "template" else None
    if template is None or (takes_text(template) and planned.request.get("type") != "text"):
        return WINDOW_CLOSED
    if takes_text(template) and not fits(template, str(planned.request.get("text") or "")):
        return TOO_LONG
    return None


def _is_said_by_template(planned: PlannedMessage, settings: TenantSettings) -> bool:
    """Whether the template holds the text, so that nothing is left to say when the customer answers."""
    template = settings.window_template
    return template is not None and planned.request.get("type") == "text" and takes_text(template)


def _ask(planned: PlannedMessage, settings: TenantSettings) -> Draft:
    assert settings.window_template is not None
    text = str(planned.request.get("text") or "")
    content = render_template(settings.window_template, text)
    shown = text if takes_text(settings.window_template) else f"[template {settings.window_template.name}]"
    draft = _draft(planned, type="template", content=content, text=shown)
    asks_for = {} if _is_said_by_template(planned, settings) else {"asks_for": str(planned.id)}
    return replace(draft, metadata=draft.metadata | asks_for)


def _draft_of(planned: PlannedMessage) -> Draft:
    return _draft(planned, **said_in(planned.request))


def _draft(planned: PlannedMessage, **said: Any) -> Draft:
    return Draft(
        **said,
        speaker=_speaker_of(planned),
        actor=Actor(cast(Any, planned.actor_kind), planned.actor_id),
        contact_id=planned.contact_id,
        to=planned.request.get("to"),
        phone_number_id=planned.phone_number_id,
        has_waited=True,
        said_in_epoch=(planned.request.get("speaker") or {}).get("epoch"),
        metadata={**(planned.request.get("metadata") or {}), "planned_id": str(planned.id)},
    )


def _speaker_of(planned: PlannedMessage) -> Speaker:
    """Whoever only stood behind others speaks as at once; what was planned for later is the system's."""
    said = planned.request.get("speaker")
    if not said:
        return SYSTEM
    return Speaker(SpeakerKind(said["kind"]), find_uuid(str(said["id"])), said["takes"], leads=said.get("leads", False))


def _note(released: _Release, group: Sequence[PlannedMessage], result: SendOutcome | Refused, *, is_said: bool) -> None:
    for planned in group:
        match result:
            case Refused():
                released.fail(planned, {"code": result.code, "title": result.detail})
            case Posted() if is_said:
                released.release(planned, result.message_id)
            case Posted():
                released.held[planned.id] = result.message_id
            case _:
                released.held[planned.id] = None


def _in_order(events: Sequence[Event], outcomes: Sequence[PlanOutcome], due: Sequence[PlannedMessage]) -> list[Event]:
    """What is sent, in the order in which it was due, behind whatever else became known."""
    places = {planned.id: place for place, planned in enumerate(due)}
    of_message: dict[UUID | None, int] = {
        each.message_id: places[each.planned.id] for each in outcomes if each.message_id is not None
    }

    def place_of(event: Event) -> int:
        return of_message.get(event.message_id, -1) if isinstance(event, OutboundProcessed) else -1

    return sorted(events, key=place_of)
