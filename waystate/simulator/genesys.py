"""Genesys Cloud Open Messaging as far as Waystate uses it: customers' messages, receipts, events, conversations.

Source: developer.genesys.cloud, Open Messaging; shapes as in the platform SDK. The path of all integrations, without an id,
is gone since 2026-10-05 (Genesys' release notes) and answers 404.
"""

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.agents import Agents
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customers
from waystate.simulator.genesys_bodies import (
    AgentlessBody,
    EventBody,
    InboundChannel,
    MessageBody,
    ReceiptBody,
    StructuredBody,
    read_body,
    unknown_fields,
)
from waystate.simulator.genesys_conversations import (
    Conversations,
    render_conversation,
    render_message_conversation,
)
from waystate.simulator.genesys_integrations import PLACE, SUPPORTED, Integrations
from waystate.simulator.genesys_oauth import OAuthClients
from waystate.simulator.genesys_refusals import GenesysRefusal, not_found
from waystate.simulator.journal import Journal, MessageAtGenesys, Receipt, Reply

Body = TypeVar("Body", bound=BaseModel)
Served = tuple[str, str, Callable[[Request], Awaitable[Response]]]
"""Method, path below the API's address, and what answers it."""

_CONVERSATIONS = "/api/v2/conversations"
_MESSAGES = f"{_CONVERSATIONS}/messages"
_INBOUND = f"{_MESSAGES}/{{integration_id}}/inbound/open"
_VIEW = ("conversation:message:view", "conversation:webmessaging:view")


class GenesysApi:
    def __init__(
        self,
        config: SimulatorConfig,
        journal: Journal,
        customers: Customers,
        agents: Agents,
        integrations: Integrations,
        conversations: Conversations,
        clients: OAuthClients,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._journal = journal
        self._customers = customers
        self._agents = agents
        self._integrations = integrations
        self._conversations = conversations
        self._clients = clients
        self._clock = clock
        self._random = random

    def served(self) -> list[Served]:
        """Whatever else is asked below the API's address is `unknown`."""
        guard, clients, integrations = self._clients.guard, self._clients, self._integrations
        receive, view = "conversation:message:receive", "conversation:communication:view"
        see, supported = "messaging:integration:view", "messaging:supportedContent:view"
        return [
            ("POST", f"{_INBOUND}/message", guard(self.message, receive)),
            ("POST", f"{_INBOUND}/event", guard(self.event, receive)),
            ("POST", f"{_INBOUND}/receipt", guard(self.receipt, receive)),
            ("POST", f"{_INBOUND}/structured/response", guard(self.structured_response, receive)),
            ("POST", f"{_MESSAGES}/agentless", guard(self.agentless, "conversation:message:create")),
            ("GET", f"{_MESSAGES}/{{message_id}}/details", guard(self.details, *_VIEW)),
            ("GET", f"{_MESSAGES}/{{conversation_id}}", guard(self.message_conversation, view)),
            ("GET", f"{_CONVERSATIONS}/{{conversation_id}}", guard(self.conversation, view)),
            ("GET", PLACE, guard(integrations.list, see)),
            ("POST", PLACE, guard(integrations.add, "messaging:integration:add")),
            ("GET", f"{PLACE}/{{integration_id}}", guard(integrations.one, see)),
            ("PATCH", f"{PLACE}/{{integration_id}}", guard(integrations.change, "messaging:integration:edit")),
            ("GET", SUPPORTED, guard(integrations.list_supported, supported)),
            ("POST", SUPPORTED, guard(integrations.add_supported, "messaging:supportedContent:add")),
            ("GET", f"{SUPPORTED}/{{profile_id}}", guard(integrations.one_supported, supported)),
            ("GET", "/api/v2/tokens/me", guard(clients.about_token)),
            ("GET", "/api/v2/users/me", guard(clients.about_user)),
            ("GET", "/api/v2/organizations/me", guard(clients.about_organization)),
            ("GET", "/api/v2/authorization/subjects/me", guard(clients.about_subject)),
            ("GET", "/api/v2/oauth/clients/{client_id}", guard(clients.about_client, "oauth:client:view")),
        ]

    async def unknown(self, request: Request) -> Response:
        """Whatever else is asked below the API's address."""
        return await self._clients.guard(self._refuse_path)(request)

    async def _refuse_path(self, request: Request) -> Response:
        raise not_found(request.url.path)

    async def message(self, request: Request) -> Response:
        raw, body = await self._read(request, MessageBody)
        if len(body.text or "") > self._config.genesys_text_limit:
            raise GenesysRefusal(
                400,
                "bad.request",
                f"text should NOT have more than {self._config.genesys_text_limit} characters",
                details=[{"errorCode": "invalid", "fieldName": "text"}],
            )
        for item in body.content or []:
            self._integrations.check_media(item.attachment.mime)
        return JSONResponse(raw | self._take_message(request, body.channel, body.text))

    async def structured_response(self, request: Request) -> Response:
        raw, body = await self._read(request, StructuredBody)
        asked = body.originatingMessageId
        if asked is not None and self._config.genesys_known_messages and asked not in self._journal.replies:
            raise not_found(f"message {asked}")
        self._journal.tally["structured_responses"] += 1
        button = raw.pop("buttonResponse")
        content = [{"contentType": "ButtonResponse", "buttonResponse": button}]
        taken = self._take_message(request, body.channel, body.buttonResponse.text)
        return JSONResponse(raw | taken | {"type": "Structured", "content": content})

    async def event(self, request: Request) -> Response:
        raw, body = await self._read(request, EventBody)
        if body.channel.messageId is not None:
            self._journal.tally["unknown_fields"] += 1
        self._journal.tally["events"] += 1
        return JSONResponse({**raw, "id": self._new_id(), "type": "Event", "direction": "Inbound"})

    async def receipt(self, request: Request) -> Response:
        raw, body = await self._read(request, ReceiptBody)
        reply = self._journal.replies.get(body.id)
        if reply is None and self._config.genesys_known_messages:
            raise not_found(f"message {body.id}")
        receipt = Receipt(
            customer=reply.customer if reply else None,
            id=body.id,
            status=body.status,
            is_final=body.isFinalReceipt,
            reasons=[reason.code for reason in body.reasons or []],
            at=self._clock(),
        )
        self._journal.add_receipt(receipt)
        return JSONResponse({**raw, "type": "Receipt", "direction": "Outbound"})

    async def agentless(self, request: Request) -> Response:
        """A service's message to a customer, through the integration of `fromAddress`."""
        _, body = await self._read(request, AgentlessBody)
        integration = self._integrations.get(body.fromAddress)
        conversation = self._conversations.join(integration.id, body.toAddress)
        customer = self._customers.find(body.toAddress)
        reply = self._agents.write(conversation, customer.id if customer else body.toAddress, body.textBody, [], entity="Bot")
        answer = {
            "id": reply.id,
            "conversationId": conversation.id,
            "fromAddress": body.fromAddress,
            "toAddress": body.toAddress,
            "messengerType": "open",
            "useExistingActiveConversation": body.useExistingActiveConversation,
            "timestamp": iso(self._clock()),
            "selfUri": f"{_CONVERSATIONS}/{conversation.id}/messages/{reply.id}",
        }
        return JSONResponse(answer)

    async def details(self, request: Request) -> Response:
        """A message by the id that Genesys gave it, with its conversation."""
        wanted = request.path_params["message_id"]
        for entry in reversed(self._journal.received.values()):
            if entry.id == wanted:
                return JSONResponse(self._render_details(entry, inbound=True))
        reply = self._journal.replies.get(wanted)
        if reply is None:
            raise not_found(f"message {wanted}")
        return JSONResponse(self._render_details(reply, inbound=False))

    async def conversation(self, request: Request) -> Response:
        return JSONResponse(render_conversation(self._conversations.get(request.path_params["conversation_id"])))

    async def message_conversation(self, request: Request) -> Response:
        return JSONResponse(render_message_conversation(self._conversations.get(request.path_params["conversation_id"])))

    async def _read(self, request: Request, shape: type[Body]) -> tuple[JsonObject, Body]:
        """After the integration in the path, if any, is known."""
        if "integration_id" in request.path_params:
            self._integrations.get(request.path_params["integration_id"])
        raw, body = await read_body(request, shape)
        self._journal.tally["unknown_fields"] += len(unknown_fields(raw, shape))
        return raw, body

    def _take_message(self, request: Request, channel: InboundChannel, text: str | None) -> JsonObject:
        integration_id = request.path_params["integration_id"]
        message_id = channel.messageId or self._new_id()
        entry = self._journal.received.get((message_id, channel.time))
        if entry is not None:
            self._journal.add_repeat(entry)
        else:
            entry = self._receive(integration_id, message_id, channel, text)
        prefetch = request.query_params.get("prefetchConversationId") == "true"
        return render_received(integration_id, entry, prefetch=prefetch)

    def _receive(self, integration_id: str, message_id: str, channel: InboundChannel, text: str | None) -> MessageAtGenesys:
        from_id = channel.sender.id
        attributes = channel.metadata.customAttributes if channel.metadata else None
        conversation = self._conversations.join(integration_id, from_id, channel.sender.nickname, attributes)
        original = self._journal.written.get(message_id)
        customer = self._customers.find(from_id)
        entry = MessageAtGenesys(
            customer=original.customer if original else customer.id if customer else from_id,
            message_id=message_id,
            time=channel.time,
            id=self._new_id(),
            from_id=from_id,
            conversation_id=conversation.id,
            text=text,
            at=self._clock(),
        )
        self._journal.add_received(entry)
        conversation.message_ids.append(entry.id)
        self._agents.answer(entry, conversation)
        return entry

    def _render_details(self, entry: MessageAtGenesys | Reply, *, inbound: bool) -> JsonObject:
        conversation = self._conversations.get(entry.conversation_id)
        ends = {"fromAddress": conversation.from_id, "toAddress": conversation.integration_id}
        if not inbound:
            ends = {"fromAddress": conversation.integration_id, "toAddress": conversation.from_id}
        return {
            "id": entry.id,
            "providerMessageId": entry.message_id if isinstance(entry, MessageAtGenesys) else entry.id,
            "timestamp": iso(entry.at),
            **ends,
            "direction": "inbound" if inbound else "outbound",
            "messengerType": "open",
            "status": "received" if inbound else "sent",
            "normalizedMessage": {"id": entry.id, "type": "Text", "text": entry.text},
            "conversationId": entry.conversation_id,
            "selfUri": f"{_CONVERSATIONS}/{entry.conversation_id}/messages/{entry.id}",
        }

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
