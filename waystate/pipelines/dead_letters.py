"""Replay of dead letters: the item goes through its pipeline again, in the transaction that marks the dead letter."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import Pipeline
from waystate.deliveries import store as delivery_store
from waystate.errors import Conflict, Rejected, Unprocessable
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.json import JsonObject
from waystate.messages import store as message_store
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport
from waystate.pipelines import inbound, outbound
from waystate.pipelines.status import advance
from waystate.tenants.routing import TenantView

_inbound = TypeAdapter(InboundMessage)
_outbound = TypeAdapter(OutboundMessage)
_status = TypeAdapter(StatusReport)


async def replay(tenant: TenantId, view: TenantView, letter_id: UUID, db: Database, clock: Clock) -> list[Event]:
    """Replaying twice has one effect. The item goes to the end of its customer's order."""
    async with db.tenant(tenant) as conn:
        letter = await dead_letter_store.lock_one(conn, tenant, letter_id)
        if letter["status"] != "open":
            raise Conflict(
                "dead_letter_settled",
                f"This dead letter was {letter['status']} already; nothing is left to do.",
                status=letter["status"],
            )
        try:
            events = await _run(conn, tenant, view, letter, clock)
        except ValidationError as error:
            fields = ", ".join(str(each["loc"][-1]) for each in error.errors() if each["loc"]) or "its shape"
            raise Unprocessable(
                "payload_unusable", f"The payload is still unusable ({fields}): {letter['error_message']}"
            ) from None
        except Rejected as error:
            raise Conflict(
                error.reason, f"It would be a dead letter again: {error.message} Mend the cause, then replay it."
            ) from error
        await dead_letter_store.mark_many(conn, tenant, [letter_id], "replayed")
    return events


async def _run(conn: Connection, tenant: TenantId, view: TenantView, letter: dict[str, Any], clock: Clock) -> list[Event]:
    payload: JsonObject = letter["original_payload"]
    now = clock()
    match letter["pipeline"]:
        case Pipeline.INBOUND:
            return await inbound.track(conn, tenant, view.settings, [_inbound.validate_python(payload)], now)
        case Pipeline.OUTBOUND:
            messages = [_outbound.validate_python(payload)]
            (result,) = await outbound.process(conn, tenant, view.settings, messages, outbound.numbers_of(view), now)
            if isinstance(result, Rejected):
                raise result
            return [] if result is None else [result]
        case Pipeline.STATUS:
            advanced = await advance(conn, tenant, [_status.validate_python(payload)], now)
            if advanced.early:
                await message_store.park_early(conn, tenant, advanced.early, now)
            return advanced.events
        case Pipeline.DELIVERIES:
            await delivery_store.retry_many(conn, tenant, UUID(payload["event_id"]), payload["target"], now)
            return []
    raise Unprocessable("pipeline_unknown", f"Dead letters of the {letter['pipeline']} pipeline cannot be replayed yet.")
