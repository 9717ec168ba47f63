"""The `/state` operations over HTTP: the data plane's fast lane, without the framework."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel

from waystate import documents
from waystate.cache.process import ProcessCache
from waystate.channels.fields import EARLIEST
from waystate.clock import Clock
from waystate.conversations.model import is_agent, is_limited
from waystate.db.failures import is_unstorable
from waystate.db.pool import Database
from waystate.dead_letters.model import Verdict
from waystate.door.guard import Guard
from waystate.errors import BadRequest, Conflict, Forbidden, NotFound, Refused, Rejected, Retry, Unavailable, Unprocessable
from waystate.ids import TenantId
from waystate.messages.model import Correlation, Direction
from waystate.messages.status import parse_status, unknown_status
from waystate.operations import Operation, Parameter
from waystate.pipeline.batch import Work
from waystate.pipeline.run import Runner, run_correlations
from waystate.principal import Principal, Scope
from waystate.state.bodies import (
    MAPPING_EXAMPLE,
    ChangeStatus,
    Correlate,
    Correlated,
    Mapping,
    StatusChanged,
    TrackedMessage,
    TrackMessage,
)
from waystate.state.changes import Changed, StatusChange, change_many
from waystate.state.lookups import BATCH, Forget, LookUps
from waystate.state.shared import SharedMappings
from waystate.state.track import Tracked, Tracking, track_many
from waystate.tenants.routing import Directory
from waystate.web.asgi import Request, Response, json_response
from waystate.web.facts import Facts, facts_of
from waystate.web.metrics import Metrics
from waystate.web.problems import parse_body
from waystate.web.requests import check_json
from waystate.work.batch import Batcher
from waystate.work.loops import Hint

_TENANT = Parameter(
    name="X-Tenant-ID",
    place="header",
    required=False,
    description="Must name the tenant of the key. In trusted mode it is enough by itself.",
    example="demo-tenant-001",
)
_MESSAGE_ID = "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83"
_MESSAGE_IDS = ("metaMessageId", "meta_message_id", "genesysMessageId", "genesys_message_id")
_CLOCK_TOLERANCE = timedelta(days=1)

Model = TypeVar("Model", bound=BaseModel)


def names_message(body: bytes) -> bool:
    """Whether a body to track has an id of a platform's: the same again is the same message then, and so is what is refused."""
    try:
        document = documents.parse(body)
    except documents.Unreadable:
        return True
    return isinstance(document, dict) and any(document.get(name) for name in _MESSAGE_IDS)


class StateRoutes:
    """Look-ups are answered from the process; what misses, and every write, is batched per tenant."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        guard: Guard,
        metrics: Metrics,
        runner: Runner,
        relay_hint: Hint,
        clock: Clock,
        *,
        cache: ProcessCache[bytes],
        forget: Forget,
        max_body: int,
        shared: SharedMappings | None = None,
    ) -> None:
        self._db = db
        self._directory = directory
        self._guard = guard
        self._metrics = metrics
        self._runner = runner
        self._relay_hint = relay_hint
        self._clock = clock
        self._max_body = max_body
        self._hits, self._misses = metrics.cache_hits_total, metrics.cache_misses_total
        self.lookups = LookUps(db, directory, relay_hint, clock, cache=cache, forget=forget, shared=shared)
        self._trackings = Batcher(partial(self._run, partial(track_many, directory)), limit=BATCH)
        self._changes = Batcher(partial(self._run, partial(change_many, directory)), limit=BATCH)
        self._correlations = Batcher(partial(self._run, run_correlations), limit=BATCH)

    @Operation(
        "GET",
        "/state/mapping/{waId}",
        Scope.STATE_READ,
        tag="State",
        summary="The open conversation of a WhatsApp user; opened where there is none",
        description="Looking up is no activity: it keeps no conversation open.",
        parameters=(
            Parameter(name="waId", description="+919…, 919… or a business-scoped user id", example="+919876543210"),
            Parameter(
                name="phoneNumberId",
                place="query",
                required=False,
                description="Which number; else the latest open conversation, else the default number",
            ),
            _TENANT,
        ),
        answers={200: Mapping},
        problems={400: "The waId is no phone number and no user id", 404: "The number is not the tenant's"},
        example_answer=MAPPING_EXAMPLE,
        is_fast=True,
    )
    async def get_mapping(self, request: Request) -> Response:
        tenant = await self._admit(request, facts_of(request.scope))
        number = request.query("phoneNumberId")
        remembered = self.lookups.find_mapping(tenant, request.tail, number)
        if remembered is not None:
            self._hits.inc()
            return json_response(remembered)
        self._misses.inc()
        return json_response(await _answer(self.lookups.get_mapping(tenant, request.tail, number)))

    @Operation(
        "GET",
        "/state/conversation/{conversationId}",
        Scope.STATE_READ,
        tag="State",
        summary="A conversation by Genesys' id or Waystate's own",
        parameters=(Parameter(name="conversationId"), _TENANT),
        answers={200: Mapping},
        problems={404: "No conversation has this id"},
        example_answer=MAPPING_EXAMPLE,
        is_fast=True,
    )
    async def get_conversation(self, request: Request) -> Response:
        tenant = await self._admit(request, facts_of(request.scope))
        remembered = self.lookups.find_conversation(tenant, request.tail)
        if remembered is not None:
            self._hits.inc()
            return json_response(remembered)
        self._misses.inc()
        return json_response(await _answer(self.lookups.get_conversation(tenant, request.tail)))

    @Operation(
        "POST",
        "/state/message",
        Scope.STATE_WRITE,
        tag="State",
        summary="Record a message that somebody else carries",
        description="It only tracks, it never sends. The same id again, of either platform, answers 200 and `created: false`; "
        "what is told anew, the other id or a later status, is added.",
        parameters=(_TENANT,),
        body=TrackMessage,
        status=201,
        answers={201: TrackedMessage, 200: TrackedMessage},
        problems={
            404: "No conversation has this id",
            409: "The ids contradict what is known of the message, or Waystate is about to pass it on itself",
            422: "A field is missing or wrong",
        },
        example_body={
            "conversationId": MAPPING_EXAMPLE["conversationId"],
            "metaMessageId": "wamid.HBgMOTE5ODc2NTQzMjEw",
            "direction": "inbound",
            "status": "received",
            "content": "Where is my order?",
        },
        example_answer={
            "message": "Message tracked successfully",
            "messageId": _MESSAGE_ID,
            "created": True,
            "status": "received",
        },
        repeatable="by metaMessageId or genesysMessageId; a body without either makes a second message",
        repeatable_if=names_message,
        is_fast=True,
    )
    async def track_message(self, request: Request) -> Response:
        body, tenant = await self._read(request, TrackMessage)
        direction = Direction(body.direction)
        status = parse_status(body.status, direction)
        if status is None:
            raise Unprocessable("state_violation", unknown_status(body.status, direction))
        content = {"body": body.content} if isinstance(body.content, str) else body.content or {}
        tracking = Tracking(
            conversation_id=body.conversation_id,
            direction=direction,
            status=status,
            type=body.message_type or "text",
            wamid=body.meta_message_id,
            genesys_message_id=body.genesys_message_id,
            content=content,
            text=body.content if isinstance(body.content, str) else None,
            media=_media(body),
        )
        tracked: Tracked = (await _answer(self._trackings.submit(tenant, tracking))).answer
        said = "Message tracked successfully" if tracked.created else "Message was tracked before"
        answer = b'{"message":"%s","messageId":"%s","created":%s,"status":"%s"}' % (
            said.encode(),
            str(tracked.message_id).encode(),
            b"true" if tracked.created else b"false",
            tracked.status.encode(),
        )
        return json_response(answer, 201 if tracked.created else 200)

    @Operation(
        "PATCH",
        "/state/message/{messageId}",
        Scope.STATE_WRITE,
        tag="State",
        name="changeMessageStatus",
        summary="Advance a message's status, by wamid, Genesys id or Waystate's own",
        parameters=(Parameter(name="messageId", example="wamid.test123"), _TENANT),
        body=ChangeStatus,
        answers={200: StatusChanged},
        problems={
            404: "No message has this id",
            409: "A status does not go backwards, or Waystate is about to pass the message on itself",
            422: "No such status",
        },
        example_body={"status": "delivered", "timestamp": "2026-01-31T12:00:05Z"},
        example_answer={"message": "Status updated successfully", "messageId": _MESSAGE_ID, "status": "delivered"},
        is_fast=True,
    )
    async def change_status(self, request: Request) -> Response:
        body, tenant = await self._read(request, ChangeStatus)
        change = StatusChange(
            message_id=documents.clean_text(request.tail),
            status=body.status,
            at=_moment(body.timestamp, self._clock()),
            error=body.error,
        )
        changed: Changed = (await _answer(self._changes.submit(tenant, change))).answer
        answer = {"message": "Status updated successfully", "messageId": str(changed.message_id), "status": changed.status}
        return json_response(documents.dump(answer).encode())

    @Operation(
        "POST",
        "/state/correlation",
        Scope.STATE_WRITE,
        tag="State",
        name="correlateConversation",
        summary="Attach Genesys' ids to the conversation of a message",
        parameters=(_TENANT,),
        body=Correlate,
        answers={200: Correlated},
        problems={404: "No message has this wamid"},
        example_body={
            "conversation_id": MAPPING_EXAMPLE["conversationId"],
            "communication_id": MAPPING_EXAMPLE["communicationId"],
            "whatsapp_message_id": "wamid.HBgMOTE5ODc2NTQzMjEw",
        },
        example_answer={"message": "Conversation correlated", "changed": True},
        repeatable="the same correlation again changes nothing",
        is_fast=True,
    )
    async def correlate(self, request: Request) -> Response:
        body, tenant = await self._read(request, Correlate)
        wanted = Correlation(
            conversation_id=body.conversation_id,
            communication_id=body.communication_id,
            whatsapp_message_id=body.whatsapp_message_id,
            origin="http",
        )
        verdict: Verdict = await _answer(self._correlations.submit(tenant, wanted))
        answer = {"message": "Conversation correlated", "changed": bool(verdict.events)}
        return json_response(documents.dump(answer).encode())

    async def _read(self, request: Request, model: type[Model]) -> tuple[Model, TenantId]:
        """Whoever may not is sent away before the body is read, which costs memory."""
        facts = facts_of(request.scope)
        tenant = None if self._guard.waits_for_a_name(facts) else await self._admit(request, facts)
        raw = await request.body(self._max_body)
        check_json(facts.content_type, raw)
        body = parse_body(model, raw)
        named: str | None = getattr(body, "tenant_id", None)
        if tenant is None:
            tenant = await self._admit(request, facts if named is None else facts._replace(tenant=named.encode()))
        if named is not None and named != tenant:
            raise BadRequest(
                "tenant_mismatch", "The body's tenantId is not the tenant of this call. Leave it out, or name the same one."
            )
        return body, tenant

    async def _admit(self, request: Request, facts: Facts) -> TenantId:
        operation = request.operation
        assert operation is not None, "the lane names the row of what it calls"
        principal = self._guard.find_admitted(facts, operation)
        if principal is None:
            principal = await _answer(self._guard.admit_anew(facts, operation))
        request.check_query()
        if is_agent(principal):
            await self._check_scope(principal)
        return principal.tenant_id

    async def _check_scope(self, principal: Principal) -> None:
        """The data plane is of services: it tells no conversations apart by whose they are."""
        view = await self._directory.get_tenant(principal.tenant_id)
        if is_limited(principal, view.settings.agent_scope):
            raise Forbidden(
                "out_of_sight",
                "Agents of this tenant see what is assigned to them, and the data plane shows all. Ask /v1/conversations.",
            )

    async def _run(self, work: Work, tenant: TenantId, items: Sequence[Any]) -> Sequence[Verdict]:
        view = await self._directory.get_tenant(tenant)
        verdicts = await self._runner.answer(tenant, view, work, items)
        self._relay_hint.give_later(tenant)
        return verdicts


async def _answer(future: Any) -> Any:
    """A batch's result; refusals are values in a batch and errors for the caller."""
    try:
        result = await future
    except Retry as error:
        raise Unavailable(
            "database_unavailable", "The database does not answer; send the same again.", retry_after=error.after
        ) from error
    except Rejected as error:
        raise Conflict(error.reason, error.message) from error
    except Exception as error:
        if not is_unstorable(error):
            raise
        raise Unprocessable(
            "value_unstorable",
            "A value is too long or out of its range for the database. Shorten or correct it and send again.",
        ) from error
    refusal = result.error if isinstance(result, Verdict) else result
    if isinstance(refusal, Rejected):
        raise NotFound("message_not_found", refusal.message)
    if isinstance(refusal, Refused):
        raise refusal
    return result


def _media(body: TrackMessage) -> dict[str, Any] | None:
    if body.media_url is None and body.media_type is None:
        return None
    return {"url": body.media_url, "mime_type": body.media_type}


def _moment(value: datetime | None, now: datetime) -> datetime:
    """In UTC; nothing has happened a day from now, and a time like that would stay the latest for good, nor before WhatsApp."""
    if value is None:
        return now
    if value.tzinfo is None:
        raise Unprocessable("invalid_timestamp", "The timestamp needs a time zone, such as 2026-01-31T12:00:00Z.")
    moment: datetime | None
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not EARLIEST <= moment <= now + _CLOCK_TOLERANCE:
        text = f"The timestamp is none of the past since {EARLIEST.year}. Send when it happened, or leave it out."
        raise Unprocessable("invalid_timestamp", text)
    return moment
