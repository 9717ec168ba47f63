"""The one call that answers "where is this message, and why": every hop, attempt and status, in order of time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from waystate.channels.told import told_of
from waystate.channels.whatsapp.content import MEDIA_TYPES
from waystate.channels.whatsapp.uploaded import list_files
from waystate.clock import Clock, iso
from waystate.conversations import store as conversation_store
from waystate.conversations.model import EVERYTHING, Sight, is_window_open, public_conversation_id, window_closes_at
from waystate.conversations.sight import find_hidden
from waystate.db.pool import Connection, Database
from waystate.deliveries import store as delivery_store
from waystate.documents import JsonObject, clean_text
from waystate.errors import NotFound
from waystate.groups import store as group_store
from waystate.groups.bodies import GroupAnswer, render_group
from waystate.ids import TenantId, find_uuid, time_of
from waystate.ledger import store as ledger_store
from waystate.messages import store as message_store
from waystate.messages.model import KEPT_HERE, Status
from waystate.messages.note import NOTES
from waystate.messages.spoken import find_writers
from waystate.messages.store import PHONE_APP, SAID
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedState
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Senders, TenantSettings

CARRIERS = ("whatsapp", "genesys")
"""Targets of deliveries that carry a message; a receipt does not."""
ANSWERS = {"sent": "accepted", "retry": "put off", "failed": "refused", "unknown": "not answered"}


async def trace(
    tenant: TenantId, settings: TenantSettings, name: str, db: Database, clock: Clock, sight: Sight = EVERYTHING
) -> JsonObject:
    """`name` is a wamid, a Genesys message id (an agent's, or what Genesys calls a customer's) or our own."""
    name = clean_text(name)
    async with db.tenant(tenant) as conn:
        own = find_uuid(name)
        message = await message_store.find_message(conn, tenant, own) if own is not None else None
        if message is None:
            known = (await message_store.find_ids(conn, tenant, [name])).get(name)
            known = known or (await delivery_store.find_at_genesys(conn, tenant, [name])).get(name)
            message = await message_store.find_message(conn, tenant, known) if known is not None else None
        if message is None and own is not None:
            message = await _find_planned(conn, tenant, own)
        if message is None or await find_hidden(conn, tenant, sight, [message["conversation_id"]]):
            raise NotFound(
                "message_not_found",
                "No message of this tenant has that id. A webhook that could not be used is listed by GET /v1/dead-letters, "
                "one of an unknown number by `waystate ledger list --rejected`.",
            )
        history = await message_store.get_history(conn, tenant, message["id"])
        deliveries = await delivery_store.list_of_message(conn, tenant, message["id"])
        senders = await tenant_store.find_senders(conn, tenant, message["phone_number_id"])
        windows = await conversation_store.find_windows(conn, tenant, [(message["phone_number_id"], message["contact_id"])])
        waiting = await planned_store.find_waiting_of(conn, tenant, message["contact_id"], message["id"])
        group = await group_store.find_with_participants(conn, tenant, message["contact_id"])
        writers = await find_writers(conn, tenant, {message["id"]: message["metadata"]})
    message |= {"group": None if group is None else render_group(*group), "writer": writers.get(message["id"])}
    message |= {"window_from": next(iter(windows.values()), None), "held_until": waiting.expires_at if waiting else None}
    message |= {"is_due": waiting is not None and waiting.due_at is not None}
    ledger = await _ledger_row(message["origin"], db)
    return render_trace(message, history, deliveries, ledger, settings, clock(), senders)


async def _find_planned(conn: Connection, tenant: TenantId, planned_id: UUID) -> dict[str, Any] | None:
    """What a planned message became; while it is no message yet, that is said."""
    planned = await planned_store.find_many(conn, tenant, [planned_id])
    if not planned:
        return None
    if planned[0].message_id is not None:
        return await message_store.find_message(conn, tenant, planned[0].message_id)
    waits = f"until {iso(planned[0].send_at)}" if planned[0].send_at is not None else "until its customer writes"
    state = f"it waits {waits}" if planned[0].state is PlannedState.WAITING else f"it is {planned[0].state}"
    raise NotFound(
        "no_message_yet", f"{planned_id} is planned, and {state}: there is nothing to trace. GET /v1/messages/{{id}} shows it."
    )


def render_trace(
    message: dict[str, Any],
    history: list[dict[str, Any]],
    deliveries: list[dict[str, Any]],
    ledger: dict[str, Any] | None,
    settings: TenantSettings,
    now: datetime,
    senders: Senders | None,
) -> JsonObject:
    return {
        "messageId": str(message["id"]),
        "wamid": message["wamid"],
        "genesysMessageId": message["genesys_message_id"] or _id_at_genesys(deliveries),
        "direction": message["direction"],
        "type": message["type"],
        "text": message["text"],
        "content": message["content"],
        "media": message["media"],
        "filePassedOn": is_file_passed_on(message, deliveries),
        "metadata": message["metadata"],
        "sender": message["sender"],
        "senderContactId": None if message.get("writer") is None else str(message["writer"]),
        "status": message["status"],
        "why": explain(message, deliveries, senders) + _what_genesys_said(history),
        "error": message["error"],
        "sentAt": _time(message["sent_at"]),
        "deliveredAt": _time(message["delivered_at"]),
        "readAt": _time(message["read_at"]),
        "failedAt": _time(message["failed_at"]),
        "contact": _contact(message),
        "conversation": _conversation(message, settings, now),
        "origin": message["origin"],
        "hops": hops_of(message, history, deliveries, ledger),
        "deliveries": [_delivery(each) for each in deliveries],
        "statuses": [_status(each) for each in history],
    }


def _contact(message: dict[str, Any]) -> JsonObject:
    group: GroupAnswer | None = message.get("group")
    return {
        "id": str(message["contact_id"]),
        "kind": "person" if group is None else "group",
        "name": message["contact_name"],
        "waId": message["wa_id"],
        "group": None if group is None else group.model_dump(mode="json"),
    }


def _id_at_genesys(deliveries: list[dict[str, Any]]) -> str | None:
    """What Genesys calls a customer's message."""
    return next((each["external_id"] for each in deliveries if each["target"] == "genesys"), None)


def _shows_file(message: dict[str, Any]) -> bool:
    """One that is kept here: an agent's, or one that was uploaded."""
    return bool((message["media"] or {}).get("file_id") or list_files({message["type"]: message["content"]}))


def explain(message: dict[str, Any], deliveries: list[dict[str, Any]], senders: Senders | None) -> str:
    """Why the message stands where it stands, in a sentence; only deliveries that carry it count, not receipts."""
    carried = [each for each in deliveries if each["target"] in CARRIERS]
    last = carried[-1] if carried else None
    error = message["error"] or {}
    if message["status"] == "failed":
        said = str(error.get("title") or error.get("message") or error.get("code") or "no reason was given")
        advice = told_of(error).text if message["direction"] == "outbound" and isinstance(error.get("code"), int) else ""
        return f"It failed: {said.rstrip('.')}.{f' {advice}' if advice and advice.rstrip('.') != said.rstrip('.') else ''}"
    if message.get("held_until") is not None:
        until = _time(message["held_until"])
        if message.get("is_due"):
            return "It leaves within a second or two, behind what was held until the customer wrote."
        return f"It is held until the customer writes, for WhatsApp takes only templates now; at {until} it is failed."
    if last is None:
        if message["type"] in NOTES and message["first_status"] == "processed":
            return f"It is kept and nobody is told: {NOTES[message['type']]}. It moves no customer window."
        if message["origin"].startswith("seed:"):
            return f"It is {message['status']}, and sample data: nobody wrote it and nobody was sent it."
        if message["origin"].startswith("import:"):
            return f"It was imported and is {message['status']}; Waystate did not carry it."
        if message["origin"].startswith(PHONE_APP):
            return f"It was written in WhatsApp's app on a phone and is {message['status']}; Waystate did not carry it."
        if message["origin"] == "http":
            return f"It was recorded over HTTP and is {message['status']}; Waystate does not carry it."
        return f"It is {message['status']}; {_why_undelivered(message, senders)}"
    match last["state"]:
        case "pending" if last["attempts"] == 0 and last["target"] == "whatsapp" and _shows_file(message):
            return "It waits for its turn, or for its file, which WhatsApp gets before it."
        case "pending" if last["attempts"] == 0 and last["next_attempt_at"] > last["created_at"]:
            return f"It waits for its file, until {_time(last['next_attempt_at'])} at the latest; then it goes without."
        case "pending" if last["attempts"] == 0:
            return "It waits for its turn: earlier messages of this customer go first."
        case "pending":
            return (
                f"Attempt {last['attempts']} did not get through ({_reason(last)}); the next is due at "
                f"{_time(last['next_attempt_at'])}."
            )
        case "sending":
            return f"Attempt {last['attempts']} is under way."
        case "unknown":
            return (
                "The answer to the send was lost, so it may or may not have arrived. It is not sent again; the next status "
                f"tells, or it is failed at {_time(last['next_attempt_at'])}."
            )
    accepted = f"{last['target']} accepted it at {_time(last['finished_at'])}"
    if is_file_passed_on(message, deliveries) is not False:
        return f"It is {message['status']}: {accepted}."
    if message["direction"] == "inbound":
        named = f"Its file was not passed on: {accepted} as a line that names the file"
        if (message["media"] or {}).get("file_id") is None:
            return f"{named}, and no more. To see the file, ask the customer for it another way."
        return f"{named}. GET /v1/media/{message['media']['file_id']} tells how far the file is, and where to load it."
    return f"It is {message['status']}, with its file as a link and not as a file: {accepted}."


def _what_genesys_said(history: Sequence[Mapping[str, Any]]) -> str:
    """Of a customer's message that it had accepted, and then failed to show to an agent."""
    said = [each for each in history if each["source"] == "genesys" and each["status"] == Status.FAILED]
    if not said:
        return ""
    reason = str((said[-1]["error"] or {}).get("title") or "it gave no reason").rstrip(".")
    return f" Afterwards, at {_time(said[-1]['at'])}, Genesys reported that it failed there: {reason}."


def is_file_passed_on(message: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether the other side got the file itself: Genesys, in the message or behind it.

    None for a message without one, that Waystate does not carry, or that was said over HTTP: then it is sent as it is.
    """
    if message["origin"] == SAID:
        return None
    media = message["media"]
    has_file = message["type"] in MEDIA_TYPES if media is None else media.get("type") != "link"
    if not has_file or not any(each["target"] in CARRIERS for each in deliveries):
        return None
    return any(each.get("has_file") and each["state"] == "sent" for each in deliveries)


def _why_undelivered(message: dict[str, Any], senders: Senders | None) -> str:
    number = message["phone_number_id"]
    if senders is None:
        return f"its number {number} is not this tenant's any more, so nobody passes it on."
    if senders.whatsapp != "waystate":
        return f"somebody else sends for its number {number}."
    if message["direction"] == "inbound" and KEPT_HERE in message["metadata"]:
        return (
            "a person here had the conversation when it came, or a queue of people here, so it was not passed on to Genesys. "
            "It is once nobody here has the conversation and it is not answered."
        )
    if message["direction"] == "inbound" and senders.genesys is None:
        return (
            f"its number {number} has no Genesys integration, so it is passed on to nobody. Once it has one, what comes from "
            "then on is passed on."
        )
    if message["direction"] == "inbound" and senders.genesys != "waystate":
        return "somebody else passes on what comes to its number's Genesys integration."
    return "its delivery is about to be prepared; if it stays so, it came before its number was set up to be sent for."


def hops_of(
    message: dict[str, Any], history: list[dict[str, Any]], deliveries: list[dict[str, Any]], ledger: dict[str, Any] | None
) -> list[JsonObject]:
    hops: list[tuple[datetime, str, str]] = [
        (message["sent_at"], "written", "the time its sender's platform gave it"),
        (time_of(message["id"]), "tracked", f"as {message['first_status']}"),
    ]
    if ledger is not None:
        hops.append((ledger["received_at"], "received", f"webhook of {ledger['source']} {ledger['origin']}, durable"))
    has_file = is_file_passed_on(message, deliveries) is not None
    for delivery in deliveries:
        hops.append((time_of(delivery["event_id"]), "queued", f"for {delivery['target']}"))
        for attempt in delivery["attempts_made"]:
            hops.append((attempt["started_at"], "attempt", f"{attempt['attempt']} to {delivery['target']}"))
            if attempt["ended_at"] is not None:
                hops.append((attempt["ended_at"], "answer", _answer(attempt, delivery, has_file=has_file)))
    for status in history:
        # When we learned of it: the platform's own times, which have whole seconds, are among the statuses.
        hops.append((time_of(status["id"]), "status", f"{status['status']} by {status['source']}"))
    return [{"at": _time(at), "hop": hop, "what": what} for at, hop, what in sorted(hops, key=lambda each: each[0])]


def _answer(attempt: dict[str, Any], delivery: dict[str, Any], *, has_file: bool) -> str:
    said = f"{ANSWERS[attempt['outcome']]} by {delivery['target']}"
    is_sent = attempt["outcome"] == "sent"
    if is_sent and delivery.get("has_file"):
        return f"{said} with its file" if delivery["target"] in CARRIERS else f"{said}: the file, behind its message"
    is_alone = has_file and delivery["target"] in CARRIERS and is_sent
    return f"{said} as text, without its file" if is_alone else said


def _conversation(message: dict[str, Any], settings: TenantSettings, now: datetime) -> JsonObject:
    closes = window_closes_at(message["window_from"])
    conversation_id: UUID = message["conversation_id"]
    return {
        "internalId": str(conversation_id),
        "conversationId": public_conversation_id(settings.correlation, conversation_id, message["genesys_conversation_id"]),
        "genesysConversationId": message["genesys_conversation_id"],
        "communicationId": message["communication_id"],
        "phoneNumberId": message["phone_number_id"],
        "status": message["conversation_status"],
        "expiresAt": _time(message["expires_at"]),
        "customerWindow": {"open": is_window_open(message["window_from"], now), "closesAt": _time(closes)},
    }


def _delivery(delivery: dict[str, Any]) -> JsonObject:
    return {
        "target": delivery["target"],
        "account": delivery["account"],
        "state": delivery["state"],
        "externalId": delivery["external_id"],
        "createdAt": _time(delivery["created_at"]),
        "nextAttemptAt": _time(delivery["next_attempt_at"]) if delivery["state"] in ("pending", "unknown") else None,
        "finishedAt": _time(delivery["finished_at"]),
        "error": delivery["error"],
        "attempts": [
            {
                "attempt": each["attempt"],
                "startedAt": _time(each["started_at"]),
                "endedAt": _time(each["ended_at"]),
                "outcome": each["outcome"],
                "httpStatus": each["http_status"],
                "error": each["error"],
                "holder": each["holder"],
                "epoch": each["epoch"],
            }
            for each in delivery["attempts_made"]
        ],
    }


def _status(status: dict[str, Any]) -> JsonObject:
    return {
        "status": status["status"],
        "at": _time(status["at"]),
        "source": status["source"],
        "origin": status["origin"],
        "applied": status["applied"],
        "whyNot": status["why_not"],
        "error": status["error"],
        "pricing": (status["details"] or {}).get("pricing"),
        "conversation": (status["details"] or {}).get("conversation"),
        "payment": (status["details"] or {}).get("payment"),
        "recipient": status["recipient"] or None,
    }


def _reason(delivery: dict[str, Any]) -> str:
    error = delivery["error"] or {}
    return str(error.get("title") or error.get("message") or error.get("code") or "no reason was given")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


async def _ledger_row(origin: str, db: Database) -> dict[str, Any] | None:
    """The webhook that brought the message, while the ledger keeps it."""
    kind, _, rest = origin.removeprefix(f"{PHONE_APP}:").partition(":")
    day, _, rest = rest.partition(":")
    row_id = find_uuid(rest.partition(":")[0])
    if kind != "ledger" or row_id is None:
        return None
    async with db.work() as conn:
        return await ledger_store.find_row(conn, date.fromisoformat(day), row_id)
