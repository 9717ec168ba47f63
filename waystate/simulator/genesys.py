"""Genesys Cloud Open Messaging as far as Waystate uses it: tokens, inbound messages, receipts, events.

Source: developer.genesys.cloud, Open Messaging; shapes as in the platform SDK's OpenInboundNormalizedMessage and …Receipt.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waystate.clock import Clock
from waystate.documents import JsonObject, Unreadable, parse
from waystate.simulator.agents import Agents
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customers
from waystate.simulator.genesys_bodies import EventBody, MessageBody, ReceiptBody, describe
from waystate.simulator.journal import Journal, MessageAtGenesys, Receipt

TOKEN_SECONDS = 86_399

Body = TypeVar("Body", bound=BaseModel)


@dataclass(slots=True)
class GenesysRefusal(Exception):
    status: int
    code: str
    message: str


class GenesysApi:
    def __init__(
        self, config: SimulatorConfig, journal: Journal, customers: Customers, agents: Agents, clock: Clock, random: Random
    ) -> None:
        self._config = config
        self._journal = journal
        self._customers = customers
        self._agents = agents
        self._clock = clock
        self._random = random
        self._conversations: dict[str, str] = {}
        # Derived, so that a restarted simulator goes on accepting the token that Waystate holds.
        self._token = hashlib.sha256(f"{config.client_id}:{config.client_secret}".encode()).hexdigest()

    def conversations(self) -> int:
        return len(self._conversations)

    async def token(self, request: Request) -> Response:
        pair = f"{self._config.client_id}:{self._config.client_secret}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return JSONResponse({"error": "invalid_client", "error_description": "client authentication failed"}, 401)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        self._journal.tally["tokens"] += 1
        return JSONResponse({"access_token": self._token, "token_type": "bearer", "expires_in": TOKEN_SECONDS})

    async def message(self, request: Request) -> Response:
        return await self._answer(request, MessageBody, self._take_message)

    async def receipt(self, request: Request) -> Response:
        return await self._answer(request, ReceiptBody, self._take_receipt)

    async def event(self, request: Request) -> Response:
        return await self._answer(request, EventBody, self._take_event)

    def refuse(self, request: Request) -> Response | None:
        """Why a caller gets nothing: no token, or another integration than the one there is."""
        try:
            self._authorise(request)
        except GenesysRefusal as error:
            return refusal(error.status, error.code, error.message)
        return None

    async def unknown(self, request: Request) -> Response:
        """Whatever else is asked below the API's address."""
        try:
            self._authorise(request)
        except GenesysRefusal as error:
            return refusal(error.status, error.code, error.message)
        return refusal(404, "not.found", f"The requested resource {request.url.path} could not be found.")

    async def details(self, request: Request) -> Response:
        """A message by the id that Genesys gave it, with its conversation."""
        try:
            self._authorise(request)
        except GenesysRefusal as error:
            return refusal(error.status, error.code, error.message)
        wanted = request.path_params["message_id"]
        for entry in reversed(self._journal.received.values()):
            if entry.id == wanted:
                return JSONResponse({"id": entry.id, "conversationId": entry.conversation_id, "direction": "inbound"})
        return refusal(404, "not.found", "The requested resource could not be found.")

    async def _answer(self, request: Request, shape: type[Body], take: Callable[[Request, Body], JsonObject]) -> Response:
        """The body as it came, with what Genesys adds."""
        try:
            self._authorise(request)
            raw = parse(await request.body())
            body = shape.model_validate(raw)
        except GenesysRefusal as error:
            return refusal(error.status, error.code, error.message)
        except Unreadable as error:
            return refusal(400, "bad.request", str(error))
        except ValidationError as error:
            field, message = describe(error)
            return refusal(400, "bad.request", message, details=[{"errorCode": "invalid", "fieldName": field}])
        return JSONResponse({**raw, **take(request, body)})

    def _authorise(self, request: Request) -> None:
        if request.headers.get("authorization", "").lower() != f"bearer {self._token}":
            raise GenesysRefusal(401, "bad.credentials", "Invalid login credentials.")
        integration = request.path_params.get("integration_id", self._config.integration_id)
        if integration != self._config.integration_id:
            raise GenesysRefusal(404, "not.found", f"There is no Open Messaging integration {integration}.")

    def _take_message(self, request: Request, body: MessageBody) -> JsonObject:
        message_id = body.channel.messageId or self._new_id()
        entry = self._journal.received.get((message_id, body.channel.time))
        if entry is not None:
            self._journal.add_repeat(entry)
        else:
            entry = self._receive(message_id, body)
            self._agents.answer(entry)
        prefetch = request.query_params.get("prefetchConversationId") == "true"
        return render_received(self._config.integration_id, entry, prefetch=prefetch)

    def _receive(self, message_id: str, body: MessageBody) -> MessageAtGenesys:
        from_id = body.channel.sender.id
        original = self._journal.written.get(message_id)
        customer = self._customers.find(from_id)
        known = original.customer if original else customer.id if customer else from_id
        entry = MessageAtGenesys(
            customer=known,
            message_id=message_id,
            time=body.channel.time,
            id=self._new_id(),
            from_id=from_id,
            conversation_id=self._conversation(from_id),
            text=body.text,
            at=self._clock(),
        )
        self._journal.add_received(entry)
        return entry

    def _conversation(self, from_id: str) -> str:
        """Genesys threads by (integration, from.id); here there is one integration."""
        if from_id not in self._conversations:
            self._conversations[from_id] = str(UUID(bytes=self._random.randbytes(16), version=4))
        return self._conversations[from_id]

    def _take_receipt(self, request: Request, body: ReceiptBody) -> JsonObject:
        reply = self._journal.replies.get(body.id)
        receipt = Receipt(
            customer=reply.customer if reply else None,
            id=body.id,
            status=body.status,
            is_final=body.isFinalReceipt,
            reasons=[reason.code for reason in body.reasons or []],
            at=self._clock(),
        )
        self._journal.add_receipt(receipt)
        return {"type": "Receipt", "direction": "Outbound"}

    def _take_event(self, request: Request, body: EventBody) -> JsonObject:
        self._journal.tally["events"] += 1
        return {"id": self._new_id(), "type": "Event", "direction": "Inbound"}

    def _new_id(self) -> str:
        return self._random.randbytes(16).hex()


def render_received(integration_id: str, entry: MessageAtGenesys, *, prefetch: bool) -> JsonObject:
    channel = {
        "id": integration_id,
        "platform": "Open",
        "type": "Private",
        "messageId": entry.message_id,
        "to": {"id": integration_id},
        "from": {"id": entry.from_id, "idType": "Opaque"},
        "time": entry.time,
    }
    answer = {"id": entry.id, "channel": channel, "type": "Text", "direction": "Inbound"}
    return answer | ({"conversationId": entry.conversation_id} if prefetch else {})


def refusal(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, details: Sequence[JsonObject] = ()
) -> JSONResponse:
    body = {
        "message": message,
        "code": code,
        "status": status,
        "contextId": "simulated",
        "details": list(details),
        "errors": [],
    }
    return JSONResponse(body, status, {"inin-correlation-id": "simulated", **(headers or {})})
