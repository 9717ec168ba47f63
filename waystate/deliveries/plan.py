"""From events to deliveries: what each event must make known to which platform."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from waystate.channels.genesys.render import render_file, render_inbound, render_receipt
from waystate.channels.told import told_of
from waystate.channels.whatsapp.lines import SpokenInGroup, Surroundings, agents_text, attributes_of, find_reference, preview_of
from waystate.channels.whatsapp.marks import from_markdown, to_markdown
from waystate.channels.whatsapp.render import CHECKED, render_composed, render_outbound, render_read_mark
from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter
from waystate.deliveries import store as delivery_store
from waystate.deliveries.answers import find_offer, take_answers
from waystate.deliveries.attachments import Attachments, follow_up, lock_files, with_files
from waystate.deliveries.kept_back import list_kept_back
from waystate.deliveries.lanes import deal_out
from waystate.deliveries.model import ACCOUNT_MISSING, SENDER_EXTERNAL, Delivery, Target, letter_of_refused
from waystate.deliveries.receipts import coalesce, put_into_waiting, receipt_status
from waystate.deliveries.withdraw import fail_dependent
from waystate.documents import JsonObject
from waystate.errors import Rejected
from waystate.events import outbox
from waystate.events.model import (
    BaseEvent,
    ContactMerged,
    ContactUnmerged,
    Event,
    InboundEnriched,
    MediaStored,
    MessageMarkedRead,
    MessageStatus,
    OutboundProcessed,
    OutboundRefused,
)
from waystate.events.outbox import Stamped
from waystate.events.sinks import SinkWorker, relay
from waystate.groups.model import NAMELESS
from waystate.ids import TenantId
from waystate.media.links import Links
from waystate.messages import store as message_store
from waystate.messages.advance import advance
from waystate.messages.model import Status, StatusReport
from waystate.tenants.model import GenesysIntegration, TenantSettings, Ways, WhatsAppAccount
from waystate.tenants.routing import Directory, TenantView
from waystate.work.batch import with_retries
from waystate.work.lanes import lane_of
from waystate.work.leases import RELAY, LeaseKeeper
from waystate.work.loops import Hint

DELIVERED = frozenset(
    {
        *("inbound.enriched", "outbound.processed", "outbound.refused", "message.status", "message.marked_read"),
        *("media.stored", "media.held", "media.failed", "conversation.merged", "contact.merged", "contact.unmerged"),
        *("conversation.transferred", "conversation.released"),
    }
)
"""Types of events that may call for a delivery, or move what waits for an answer or in a customer's order."""
_WRITTEN = frozenset({"text", "image", "video", "document"})
"""Types whose text is what the customer wrote."""
WAITING = frozenset({Status.QUEUED, Status.RECEIVED})
"""Statuses of messages that are where they were when they came: nobody has passed them on, nor failed to."""


class DeliverySink:
    """Turns one tenant's new events into deliveries, in the transaction that moves its cursor."""

    name = "deliveries"
    types = DELIVERED

    def __init__(self, directory: Directory, lanes: int, links: Links | None = None) -> None:
        self._directory = directory
        self._lanes = lanes
        self._links = links
        self.made = 0
        """Deliveries that are new now."""

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> list[Event]:
        view = await self._directory.find_tenant_in(conn, tenant)
        if view is None:
            return []  # it is being deleted, and its events with it
        joined = [each.event for each in stamped if isinstance(each.event, ContactMerged | ContactUnmerged)]
        stamped = [each for each in stamped if not isinstance(each.event, ContactMerged | ContactUnmerged)]
        events = await self._deliver(conn, tenant, stamped, view) if stamped else []
        if joined:
            contacts = {each.contact_id for each in joined} | {each.merged_contact_id for each in joined}
            await delivery_store.reorder(conn, tenant, contacts)
        return events

    async def _deliver(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped], view: TenantView) -> list[Event]:
        is_changed = await outbox.note_judgement(conn, tenant, self.name, view.revision)
        stamped = [*stamped, *await list_kept_back(conn, tenant, view.settings, stamped)]
        planned = plan(stamped, view, self._lanes, await find_surroundings(conn, tenant, stamped))
        planned.deliveries += await _plan_homeless(conn, tenant, stamped, view, self._lanes)
        if planned.doubtful:
            # A carrier may have passed it on while somebody else was to send it, or somebody said what became of it.
            messages = await message_store.lock_many(conn, tenant, sorted(planned.doubtful))
            waiting = {key for key, each in messages.items() if each.state.status in WAITING}
            planned = planned.without(planned.doubtful - waiting)
        if outbound := {each.message_id for each in planned.deliveries if each.target is Target.WHATSAPP}:
            settled, homes = await message_store.lock_settled(conn, tenant, outbound)
            planned = planned.without(settled)
            planned.deliveries = [_at_home(each, homes) for each in planned.deliveries]
        attachments = Attachments(tenant, view, self._links)
        files = await lock_files(conn, tenant, stamped)
        planned.deliveries = with_files(planned.deliveries, stamped, files, attachments)
        events = []
        if planned.impossible:
            advanced = await advance(conn, tenant, planned.impossible, stamped[-1].event.at)
            events = [*advanced.events, *await fail_dependent(conn, tenant, advanced, stamped[-1].event.at)]
        if is_changed:
            await deal_out(conn, tenant, view, self._lanes)
        planned.deliveries = await put_into_waiting(conn, tenant, coalesce(planned.deliveries))
        if planned.deliveries:
            await delivery_store.insert_many(conn, tenant, planned.deliveries)
        self.made = len(planned.deliveries) + await self._follow_up(conn, tenant, stamped, attachments)
        if planned.letters:
            await dead_letter_store.insert_many(conn, tenant, list(planned.letters.values()))
        return events

    async def _follow_up(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped], attachments: Attachments) -> int:
        """Whatever these events tell of files reaches their messages; how many deliveries that makes due or adds."""

        def make(each: Stamped, content: list[JsonObject]) -> Delivery:
            return file_delivery(each, content, attachments.view, self._lanes)

        changed, late = await follow_up(conn, tenant, stamped, attachments, make)
        await delivery_store.insert_many(conn, tenant, late)
        return changed + len(late)


def _at_home(delivery: Delivery, homes: Mapping[UUID, UUID]) -> Delivery:
    """Of a message whose conversation is another one by now: what was its customer's was another's for a while."""
    home = homes.get(delivery.message_id, delivery.conversation_id)
    return delivery if home == delivery.conversation_id else replace(delivery, conversation_id=home)


async def _plan_homeless(
    conn: Connection, tenant: TenantId, stamped: Sequence[Stamped], view: TenantView, lanes: int
) -> list[Delivery]:
    """Failed receipts of messages whose number is gone or has no integration now: through the one that each came by."""
    homeless = [each for each in stamped if receipt_status(each.event) == "Failed" and _is_homeless(each.event, view)]
    if not homeless:
        return []
    came_by = await message_store.list_senders(conn, tenant, [_message_id(each.event) for each in homeless])
    ours = {each.integration_id: each for each in view.integrations.values() if each.sender == "waystate"}
    through = [(each, ours.get(came_by.get(_message_id(each.event)) or "")) for each in homeless]
    return [
        _receipt(each, integration, view.settings, lanes)
        for each, integration in through
        if integration is not None and receipt_status(each.event, integration.receipts) is not None
    ]


def _is_homeless(event: Event, view: TenantView) -> bool:
    account = view.accounts.get(event.phone_number_id)
    return account is None or (account.sender == "waystate" and account.genesys_integration_id is None)


async def insert_beside(
    conn: Connection, tenant: TenantId, view: TenantView, deliveries: Sequence[Delivery], lanes: int
) -> None:
    """Insert deliveries that the relay did not make."""
    if not deliveries:
        return
    judged = await outbox.find_judgement(conn, tenant, DeliverySink.name)
    if judged is None or judged.revision != view.revision:
        # What waits lies where the accounts of the relay's last look would have it.
        await deal_out(conn, tenant, view, lanes)
    await delivery_store.insert_many(conn, tenant, deliveries)


@dataclass(slots=True)
class Planned:
    """What a batch of events comes to: deliveries, and what is written down of events that need one and cannot have it.

    `letters` are by message. `doubtful`: messages that came before what Waystate sends for their number was changed; of these
    only those that are still where they were when they came are to be sent, or failed.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    impossible: list[StatusReport] = field(default_factory=list)
    letters: dict[UUID, DeadLetter] = field(default_factory=dict)
    doubtful: set[UUID] = field(default_factory=set)

    def without(self, done: Collection[UUID]) -> "Planned":
        """Receipts stay: they tell what became of a message."""
        return Planned(
            [each for each in self.deliveries if each.message_id not in done or each.target is Target.GENESYS_RECEIPT],
            [each for each in self.impossible if each.message_id not in done],
            {key: letter for key, letter in self.letters.items() if key not in done},
        )


async def find_surroundings(conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> dict[UUID, Surroundings]:
    """What stands around customers' messages, with the words that they reply to; without those that stand alone."""
    stamped = [each for each in stamped if not _stays_here(each)]
    received = {_message_id(each.event): each.event for each in stamped if isinstance(each.event, InboundEnriched)}
    contents = {key: event.content for key, event in received.items()}
    if not contents:
        await take_answers(conn, tenant, stamped, {}, {})
        return {}
    about = await message_store.list_surroundings(conn, tenant, list(contents))
    references = {key: find_reference(content, about.get(key, {})) for key, content in contents.items()}
    wamids = sorted({each for each in references.values() if each is not None})
    quoted = await message_store.list_quoted(conn, tenant, wamids) if wamids else {}
    quotes = {wamid: preview_of(each["type"], each["text"], each["content"], each["media"]) for wamid, each in quoted.items()}
    replies = await _take_phone_replies(conn, tenant, stamped)
    answers = await take_answers(conn, tenant, stamped, references, quoted)
    facts = await contact_store.find_facts(conn, tenant, {event.contact_id for event in received.values()})

    def around(key: UUID, reference: str | None) -> Surroundings:
        tags, language = facts.get(received[key].contact_id, ((), None))
        return Surroundings(
            about.get(key, {}),
            quotes.get(reference or ""),
            replies.get(key),
            answer=answers.get(key),
            tags=tags,
            language=language,
        )

    found = {key: around(key, reference) for key, reference in references.items()}
    return {key: each for key, each in found.items() if each != Surroundings()}


async def _take_phone_replies(conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> dict[UUID, str]:
    """Message → what the business wrote on a phone before it: told with the first message that the customer wrote since."""
    received = [each.event for each in stamped if isinstance(each.event, InboundEnriched)]
    keys = sorted({(event.phone_number_id, event.contact_id) for event in received})
    waiting = {each[:2]: each for each in await message_store.lock_phone_replies(conn, tenant, keys)}
    told: dict[UUID, str] = {}
    taken = []
    for event in received if waiting else ():
        reply = waiting.get((event.phone_number_id, event.contact_id))
        if reply is not None and reply.sent_at <= event.timestamp:
            told[_message_id(event)] = reply.text
            taken.append(waiting.pop(reply[:2]))
    await message_store.drop_phone_replies(conn, tenant, taken)
    return told


def plan(
    stamped: Sequence[Stamped], view: TenantView, lanes: int, surroundings: Mapping[UUID, Surroundings] | None = None
) -> Planned:
    """`view` must be younger than the events: of a number that it does not have, the tenant has it no more."""
    planned = Planned()
    around = surroundings or {}
    for each in stamped:
        account = view.accounts.get(each.event.phone_number_id)
        former = _former_ways(each, view)
        if former is not None and isinstance(each.event, InboundEnriched | OutboundProcessed) and not _stays_here(each):
            planned.doubtful.add(_message_id(each.event))
        try:
            delivery = None
            if account is not None and account.sender == "waystate":
                delivery = delivery_of(each, account, integration_of(view, account), view.settings, lanes, around)
            if delivery is not None:
                planned.deliveries.append(delivery)
            elif former is not None and not _stays_here(each):
                _give_up(each, former, view, planned, around)
        except Rejected as error:
            planned.impossible.append(_failed(each, error.reason, error.message))
    return planned


def _stays_here(stamped: Stamped) -> bool:
    """A customer's message that a person here has, or a queue of people here: the event says who had it when it came."""
    event = stamped.event
    return isinstance(event, InboundEnriched) and not event.to_genesys


def _former_ways(stamped: Stamped, view: TenantView) -> Ways | None:
    """What Waystate sent for the event's number when it came; None: what it sends now, since when nothing was changed."""
    number = stamped.event.phone_number_id
    former = view.former.get(number, ())
    for each in former:
        if stamped.position <= each.until:
            return each.ways
    if number in view.accounts:
        return None
    # An older release took numbers away without a word: then it is better to fail aloud than to lose silently.
    return former[-1].ways if former else Ways(to_whatsapp=True, to_genesys=True)


def _give_up(stamped: Stamped, former: Ways, view: TenantView, planned: Planned, around: Mapping[UUID, Surroundings]) -> None:
    """Nobody is asked to pass it on any more, or somebody else is: the message says so, and a customer's is a dead letter.

    Only of what Waystate would have sent: what others sent, or nobody, a change does not fail.
    """
    event = stamped.event
    match event:
        case InboundEnriched() if former.to_genesys:
            pass
        case OutboundProcessed() if former.to_whatsapp:
            pass
        case _:
            return
    code, text, remedy = _why_not(event, view)
    planned.impossible.append(_failed(stamped, code, text))
    if isinstance(event, InboundEnriched):
        planned.letters[_message_id(event)] = letter_of_refused(
            event_id=stamped.id,
            target=Target.GENESYS,
            message_id=_message_id(event),
            request=_inbound_request(event, view.settings, around),
            error={"code": code, "title": text},
            at=event.at,
            text=f"{text} {remedy}",
        )


def _why_not(event: InboundEnriched | OutboundProcessed, view: TenantView) -> tuple[str, str, str]:
    """Code, what happened, and what to do about it."""
    number = event.phone_number_id
    account = view.accounts.get(number)
    if account is None:
        text = f"Number {number} was taken away from this tenant before the message was passed on."
        return ACCOUNT_MISSING, text, "Add the number again and replay this, or discard it."
    integration = view.integrations.get(account.genesys_integration_id) if account.genesys_integration_id else None
    if account.sender == "waystate" and integration is None:
        text = f"Number {number} lost its Genesys integration before the message was passed on."
        return ACCOUNT_MISSING, text, "Give the number an integration and replay this, or discard it."
    whose = (
        f"number {number}"
        if integration is None or account.sender != "waystate"
        else f"integration {integration.integration_id}"
    )
    text = f"Not sent: somebody else sends for {whose} since the message came."
    return SENDER_EXTERNAL, text, "Discard this, or let Waystate send again and replay it."


def integration_of(view: TenantView, account: WhatsAppAccount) -> GenesysIntegration | None:
    """Of those that Waystate sends for; None when somebody else does, or nobody."""
    if account.genesys_integration_id is None:
        return None
    integration = view.integrations.get(account.genesys_integration_id)
    return integration if integration is not None and integration.sender == "waystate" else None


def _failed(stamped: Stamped, code: str, text: str) -> StatusReport:
    return StatusReport(
        wamid="",
        message_id=stamped.event.message_id,
        status=Status.FAILED,
        at=stamped.event.at,
        source="waystate",
        error={"code": code, "title": text},
        origin=f"event:{stamped.id}",
    )


def delivery_of(
    stamped: Stamped,
    account: WhatsAppAccount,
    integration: GenesysIntegration | None,
    settings: TenantSettings,
    lanes: int,
    around: Mapping[UUID, Surroundings],
) -> Delivery | None:
    """The delivery an event calls for, or None."""
    event = stamped.event
    target: Target
    match event:
        case OutboundProcessed() if event.composed:
            request = render_composed(
                wa_id=event.wa_id,
                user_id=event.user_id,
                group_id=event.group_id,
                message_id=_message_id(event),
                type=event.message_type,
                content=event.content,
                reply_to=event.reply_to,
                category=CHECKED,
            )
            target = Target.WHATSAPP
        case OutboundProcessed():
            request = _outbound_request(event, settings)
            target = Target.WHATSAPP
        case MessageMarkedRead():
            request = render_read_mark(event.wamid, typing=event.typing)
            target = Target.WHATSAPP_MARK
        case InboundEnriched() if integration is not None and event.to_genesys:
            request = _inbound_request(event, settings, around)
            target = Target.GENESYS
        case MessageStatus() | OutboundRefused() if integration and receipt_status(event, integration.receipts):
            return _receipt(stamped, integration, settings, lanes)
        case _:
            return None
    return _delivery(
        stamped, target, way_of(target, account, integration, event.contact_id, _message_id(event)), request, lanes
    )


def file_delivery(stamped: Stamped, content: list[JsonObject], view: TenantView, lanes: int) -> Delivery:
    """Of a file that is stored, through its number's integration, which must be there."""
    event, account = stamped.event, view.accounts[stamped.event.phone_number_id]
    assert isinstance(event, MediaStored)
    request = render_file(contact_id=genesys_identity(event, view.settings), wamid=event.wamid, at=event.at, content=content)
    way = way_of(Target.GENESYS_FILE, account, integration_of(view, account), event.contact_id, _message_id(event))
    return _delivery(stamped, Target.GENESYS_FILE, way, request, lanes)


def _receipt(stamped: Stamped, integration: GenesysIntegration, settings: TenantSettings, lanes: int) -> Delivery:
    event = stamped.event
    assert isinstance(event, MessageStatus | OutboundRefused)
    request = render_receipt(
        genesys_message_id=event.genesys_message_id or "",
        contact_id=genesys_identity(event, settings),
        at=event.at,
        status=receipt_status(event, integration.receipts) or "Failed",
        told=told_of(_error(event)),
    )
    whole = event.whole if isinstance(event, MessageStatus) else None
    message_id = _message_id(event) if whole is None else whole.message_id
    receipt = _delivery(stamped, Target.GENESYS_RECEIPT, receipts_way(integration, message_id), request, lanes)
    return replace(receipt, message_id=message_id)


def _delivery(stamped: Stamped, target: Target, way: "Way", request: JsonObject, lanes: int) -> Delivery:
    event = stamped.event
    assert isinstance(event, BaseEvent)
    return Delivery(
        event_id=stamped.id,
        target=target,
        message_id=_message_id(event),
        conversation_id=event.mapping_id,
        account=way.account,
        lane=lane_of(way.lane_key, lanes),
        order_key=way.order_key,
        position=stamped.position,
        created_at=event.at,
        request=request,
    )


def _outbound_request(event: OutboundProcessed, settings: TenantSettings) -> JsonObject:
    """An agent's or bot's message, with WhatsApp's marks for theirs."""
    text, offer = event.message_text, find_offer(event.message_type, event.content)
    if settings.text_format == "markdown":
        text = None if text is None else from_markdown(text)
        offer = None if offer is None else offer.with_lines(from_markdown)
    return render_outbound(
        wa_id=event.wa_id,
        user_id=event.user_id,
        group_id=event.group_id,
        message_id=_message_id(event),
        type=event.message_type,
        text=text,
        media=event.media,
        offer=offer,
    )


def _inbound_request(event: InboundEnriched, settings: TenantSettings, surroundings: Mapping[UUID, Surroundings]) -> JsonObject:
    around = surroundings.get(_message_id(event), Surroundings())
    if event.group_id is not None:
        around = replace(around, group=_group_of(event))
    ours = {
        "waystate_mapping_id": str(event.mapping_id),
        "waystate_contact_id": str(event.contact_id),
        "whatsapp_phone_number_id": event.phone_number_id,
    }
    text = event.message_text
    if text and settings.text_format == "markdown" and event.message_type in _WRITTEN:
        text = to_markdown(text)
    return render_inbound(
        contact_id=genesys_identity(event, settings),
        name=event.contact_name or (NAMELESS if event.group_id is not None else None),
        wamid=event.wamid,
        sent_at=event.timestamp,
        text=agents_text(event.message_type, text, event.content, event.media, around),
        attributes=ours | attributes_of(event.message_type, event.content, event.media, around),
        answer=around.answer if around.answer is None or around.group is None else around.answer.said_by(around.group.who),
    )


def _group_of(event: InboundEnriched) -> SpokenInGroup:
    sender = event.sender
    assert event.group_id is not None
    if sender is None:
        return SpokenInGroup(event.group_id)
    return SpokenInGroup(event.group_id, sender.name, sender.wa_id or sender.user_id, str(sender.contact_id))


@dataclass(frozen=True, slots=True)
class Way:
    """Through whose account, in which lane, and behind what a delivery goes."""

    account: str
    lane_key: str
    order_key: str


def way_of(
    target: Target, account: WhatsAppAccount, integration: GenesysIntegration | None, contact_id: UUID, message_id: UUID
) -> Way:
    """Lanes follow the number (WhatsApp) and the OAuth client (Genesys); only WhatsApp is reached without an integration."""
    customer = f"{account.phone_number_id}:{contact_id}"
    if target is Target.WHATSAPP:
        return Way(account.phone_number_id, account.phone_number_id, f"w:{customer}")
    if target is Target.WHATSAPP_MARK:
        # Messages need not wait for it.
        return Way(account.phone_number_id, account.phone_number_id, f"m:{message_id}")
    if integration is None:
        raise ValueError(f"there is no integration to reach {target} through")
    if target is Target.GENESYS_RECEIPT:
        return receipts_way(integration, message_id)
    return Way(integration.integration_id, integration.client_id, f"g:{customer}")


def receipts_way(integration: GenesysIntegration, message_id: UUID) -> Way:
    """Receipts of one message keep their order; they need not wait for the customer's other traffic."""
    return Way(integration.integration_id, integration.client_id, f"r:{message_id}")


def genesys_identity(event: Event, settings: TenantSettings) -> str:
    """Our contact id outlives phone and BSUID changes; `wa_id` is for installations whose history hangs on the phone."""
    if settings.genesys_identity == "wa_id" and event.wa_id:
        return event.wa_id
    return str(event.contact_id)


def _message_id(event: Event) -> UUID:
    if event.message_id is None:
        raise ValueError(f"{event.type} carries no message")
    return event.message_id


def _error(event: MessageStatus | OutboundRefused) -> JsonObject | None:
    return {"code": event.code, "title": event.reason} if isinstance(event, OutboundRefused) else event.error


class RelayWorker(SinkWorker):
    """Makes deliveries of new events."""

    name = "relay"

    def __init__(
        self,
        db: Database,
        directory: Directory,
        leases: LeaseKeeper,
        delivery_hint: Hint,
        clock: Clock,
        *,
        lanes: int,
        batch: int,
        hint: Hint | None = None,
        links: Links | None = None,
    ) -> None:
        super().__init__(db, leases, clock, kind=RELAY, due="relay", lanes=lanes, batch=batch, hint=hint)
        self._links = links
        self._directory = directory
        self._delivery_hint = delivery_hint

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        if await self._directory.find_tenant(tenant) is None:
            return False  # it is being deleted
        sink = DeliverySink(self._directory, self._lanes, self._links)
        window = await with_retries(lambda: relay(self._db, tenant, sink, epoch=epoch, batch=self._batch))
        if sink.made:
            self._delivery_hint.give(tenant)
        return window.is_full
