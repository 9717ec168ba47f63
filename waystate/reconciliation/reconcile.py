"""Genesys is asked what Waystate cannot hear: that a conversation ended, and what agents wrote while nobody could take it.

What was missed is shown and not sent: an answer of an hour ago may be wrong by now. Its dead letter, replayed, sends it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.genesys.conversations import conversation_path, find_outbound, list_said, message_path
from waystate.channels.genesys.ends import find_end
from waystate.channels.model import AttemptResult
from waystate.clock import Clock
from waystate.conversations.model import GENESYS_UNKNOWN, ConversationEnd
from waystate.db.pool import Database
from waystate.dead_letters import store as dead_letter_store
from waystate.deliveries.clients import ClientKey, client_of
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected
from waystate.events import outbox
from waystate.events.model import Event, MessageMissed
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.model import OutboundMessage
from waystate.pipeline.batch import Batch, Taken
from waystate.pipeline.ends import run_ends
from waystate.pipeline.reasons import letter_of
from waystate.pipeline.run import KINDS
from waystate.reconciliation import store
from waystate.reconciliation.model import ABSENT, GONE, SHARE, Questioned, to_look_for
from waystate.tenants.each_tenant import customers
from waystate.tenants.model import GenesysIntegration, TenantStatus
from waystate.tenants.routing import Directory, TenantView
from waystate.web.metrics import Metrics

log = structlog.get_logger()

_NOT_FOUND = 404


class Learned(NamedTuple):
    """What Genesys said of a conversation: when it `ended` (None: it goes on), and messages that never came here."""

    ended: datetime | None = None
    missed: Sequence[OutboundMessage] = ()
    is_unknown: bool = False
    is_whole: bool = True
    """Else there is more to ask than this round may: the next one goes on."""


class _Refused(Exception):
    """Genesys gives no answer to go by: its integration is left alone until the next round."""


class Questions:
    """What is asked in one round through each OAuth client, by all tenants that use it."""

    def __init__(self) -> None:
        self._asked: Counter[ClientKey] = Counter()

    def take(self, integration: GenesysIntegration) -> None:
        if self.left(integration) <= 0:
            raise _Spent
        self._asked[client_of(integration)] += 1

    def left(self, integration: GenesysIntegration) -> int:
        """At least one about a conversation and one about a message of it."""
        return max(2, integration.limits.requests_per_minute // SHARE) - self._asked[client_of(integration)]


class _Spent(Exception):
    """The rest is asked in the next round."""


class Reconciliation:
    """`lanes` are those that deliveries fall into; `changed` hears of events after their commit."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        genesys: GenesysClient,
        metrics: Metrics,
        changed: AfterCommit,
        clock: Clock,
        *,
        lanes: int,
    ) -> None:
        self._db = db
        self._directory = directory
        self._genesys = genesys
        self._metrics = metrics
        self._changed = changed
        self._clock = clock
        self._lanes = lanes
        self._in_vain: dict[UUID, set[str]] = {}
        """By conversation that takes several rounds, what of it was asked for and is no message to the customer."""

    async def beat(self) -> bool:
        """Say that somebody is here; whether nobody was for so long that Genesys may have given messages up."""
        now = self._clock()
        async with self._db.work() as conn:
            before = await store.beat(conn, now)
            was_away = before is not None and now - before > ABSENT
            if before is not None and was_away:
                await store.note_absence(conn, before, now)
        if was_away:
            log.warning(
                "Nobody was here to take what Genesys sends; it is asked about what agents wrote meanwhile.",
                operation="reconciliation",
                since=str(before),
            )
        return was_away

    async def reconcile_all(self) -> None:
        """One round through all tenants; a tenant's failure is its own."""
        questions = Questions()
        async for tenant in customers(self._db):
            try:
                await self.reconcile(tenant, questions)
            except Exception as error:
                log.warning(
                    "A tenant's conversations were not compared with Genesys'.", operation="reconciliation", exc_info=error
                )

    async def reconcile(self, tenant: TenantId, questions: Questions | None = None) -> None:
        """Ask about what is due of a tenant, as far as a small share of its OAuth clients' requests goes.

        `questions`: those of the round, if others were asked in it.
        """
        asked = questions or Questions()
        view = await self._directory.find_tenant(tenant)
        integrations = {} if view is None else integrations_of(view)
        if view is None or not integrations:
            return
        most = sum({client_of(each): max(0, asked.left(each)) for each in integrations.values()}.values())
        if most == 0:
            return
        async with self._db.work(tenant_id=tenant) as conn:
            due = await store.list_due(conn, tenant, self._clock(), silence=view.settings.genesys_silence, batch=most)
        refused: set[str] = set()
        for each in due:
            integration = integrations.get(each.phone_number_id)
            if integration is None or integration.integration_id in refused:
                continue
            try:
                learned = await self._ask(tenant, integration, each, asked)
            except _Spent:
                continue
            except _Refused:
                refused.add(integration.integration_id)
                self._metrics.genesys_checks_total.labels("failed").inc()
                continue
            await self._keep(tenant, view, each, learned)

    async def _ask(
        self, tenant: TenantId, integration: GenesysIntegration, conversation: Questioned, questions: Questions
    ) -> Learned:
        document = await self._find(integration, conversation_path(conversation.genesys_conversation_id), questions)
        if document is None:
            return Learned(is_unknown=True)
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            wanted = to_look_for(list_said(document, now), conversation, now)
            if wanted and await store.has_waiting(conn, integration.integration_id, now):
                raise _Spent
            known = await message_store.find_ids(conn, tenant, wanted, sources=("genesys",)) if wanted else {}
            wanted = [each for each in wanted if each not in known]
            buried = await store.find_buried(conn, tenant, wanted) if wanted else set()
        missed: list[OutboundMessage] = []
        in_vain = self._in_vain.setdefault(conversation.id, set())
        for each in wanted:
            if each in buried or each in in_vain:
                continue
            if questions.left(integration) <= 0:
                return Learned(missed=missed, is_whole=False)
            found = await self._find_message(integration, conversation, each, questions)
            if found is None:
                in_vain.add(each)
            else:
                missed.append(found)
        del self._in_vain[conversation.id]
        return Learned(find_end(document, now), missed)

    async def _find_message(
        self, integration: GenesysIntegration, conversation: Questioned, message_id: str, questions: Questions
    ) -> OutboundMessage | None:
        name = conversation.genesys_conversation_id
        document = await self._find(integration, message_path(name, message_id), questions)
        return find_outbound(
            document or {},
            conversation_id=name,
            message_id=message_id,
            integration_id=integration.integration_id,
            now=self._clock(),
        )

    async def _find(self, integration: GenesysIntegration, path: str, questions: Questions) -> JsonObject | None:
        """None: Genesys has no such thing."""
        questions.take(integration)
        answer = await self._genesys.find(Integration.of(integration), path)
        if not isinstance(answer, AttemptResult):
            return answer
        if answer.http_status == _NOT_FOUND:
            return None
        log.warning(
            "Genesys does not tell of its conversations; `waystate genesys check` says why.",
            operation="reconciliation",
            http_status=answer.http_status,
            code=(answer.error or {}).get("code"),
        )
        raise _Refused

    async def _keep(self, tenant: TenantId, view: TenantView, conversation: Questioned, learned: Learned) -> None:
        """All that was learned of one conversation, in one transaction: once it is whole, nothing is asked before its time."""
        now = self._clock()
        unknown = conversation.unknown + 1 if learned.is_unknown else 0
        ends = [end] if conversation.is_open and (end := _end_of(conversation, learned, unknown, now)) is not None else []
        letters = [letter_of(Taken(each, now, each.origin), _missing(each), KINDS) for each in learned.missed]
        async with self._db.tenant(tenant) as conn:
            closed = (await run_ends(Batch(conn, tenant, view, now, self._lanes), ends)).events if ends else []
            if letters:
                await dead_letter_store.insert_many(conn, tenant, letters)
            if learned.is_whole:
                await store.note_check(conn, tenant, conversation.id, now, unknown=unknown)
            events: list[Event] = [*(_told(conversation, each, now) for each in learned.missed), *closed]
            await outbox.append_many(conn, tenant, events)
        self._changed(tenant, events)
        dead_letter_store.count(self._metrics, letters)
        self._metrics.genesys_gaps_total.inc(len(letters))
        self._metrics.genesys_checks_total.labels(_outcome_of(learned)).inc()


def integrations_of(view: TenantView) -> dict[str, GenesysIntegration]:
    """By phone number id, those that Waystate itself calls; none of a tenant that is suspended or gone."""
    if view.tenant.status is not TenantStatus.ACTIVE:
        return {}
    found = {number: view.integrations.get(account.genesys_integration_id) for number, account in view.accounts.items()
             if account.genesys_integration_id is not None}  # fmt: skip
    return {number: each for number, each in found.items() if each is not None and each.sender == "waystate"}


def _end_of(conversation: Questioned, learned: Learned, unknown: int, now: datetime) -> ConversationEnd | None:
    if unknown >= GONE:
        name, reason = conversation.genesys_conversation_id, GENESYS_UNKNOWN
        return ConversationEnd(conversation_id=name, ended_at=now, event="no such conversation", reason=reason)
    if learned.ended is None:
        return None
    return ConversationEnd(
        conversation_id=conversation.genesys_conversation_id, ended_at=learned.ended, event="all participants have left"
    )


def _outcome_of(learned: Learned) -> str:
    if learned.is_unknown:
        return "unknown"
    return "open" if learned.ended is None else "ended"


def _missing(message: OutboundMessage) -> Rejected:
    text = (
        f"An agent wrote this at {message.sent_at:%Y-%m-%d %H:%M} UTC, and Genesys gave up handing it over: it was not sent. "
        "Replay it to send it now, or discard it."
    )
    return Rejected(Reason.MISSED_GENESYS_MESSAGE, text)


def _told(conversation: Questioned, message: OutboundMessage, now: datetime) -> MessageMissed:
    return MessageMissed(
        mapping_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        wa_id=conversation.wa_id,
        at=now,
        genesys_message_id=message.genesys_message_id,
        genesys_conversation_id=conversation.genesys_conversation_id,
        timestamp=message.sent_at,
        message_text=message.words or None,
    )
