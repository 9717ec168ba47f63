"""Simulated agents and bots at Genesys: what they answer, and what a test lets them say.

Source: developer.genesys.cloud, Open Messaging, outbound messages.
"""

import asyncio
from functools import partial
from random import Random
from typing import Literal

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.attachments import AgentFiles
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys_contents import EXAMPLES
from waystate.simulator.genesys_conversations import ConversationAtGenesys, Conversations
from waystate.simulator.genesys_events import EventBridge
from waystate.simulator.genesys_integrations import Integrations
from waystate.simulator.journal import Journal, MessageAtGenesys, Reply
from waystate.simulator.lines import Lines
from waystate.simulator.rules import RulesInForce
from waystate.simulator.sentences import answer
from waystate.simulator.webhooks import Webhooks, render_genesys_body

Entity = Literal["Human", "Bot"]


class Agents:
    def __init__(
        self,
        config: SimulatorConfig,
        rules: RulesInForce,
        journal: Journal,
        webhooks: Webhooks,
        integrations: Integrations,
        conversations: Conversations,
        events: EventBridge,
        lines: Lines,
        attachments: AgentFiles,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._rules = rules
        self._journal = journal
        self._webhooks = webhooks
        self._integrations = integrations
        self._conversations = conversations
        self._events = events
        self._lines = lines
        self._attachments = attachments
        self._clock = clock
        self._random = random
        self._written: dict[str, int] = {}

    def waiting(self) -> int:
        """Webhooks that were due or are to come, and not yet taken by Waystate."""
        return self._lines.waiting

    def answer(self, received: MessageAtGenesys, conversation: ConversationAtGenesys) -> None:
        """Perhaps, after a while, and in order within the conversation."""
        if not self._rules.now.agents or self._random.random() >= self._config.agent_reply_share:
            return
        due = asyncio.get_running_loop().time() + self._config.agent_reply_delay * self._random.uniform(0.5, 1.5)
        if self._random.random() < self._config.agent_typing_share:
            self._lines.append(conversation.id, partial(self._type, conversation, due))
        number = self._written[received.customer] = self._written.get(received.customer, 0) + 1
        text = answer(self._random, number)
        reply = self._compose(received.customer, conversation, number, text, in_reply_to=received.message_id)
        self._lines.append(conversation.id, partial(self._reply, reply, conversation, due))

    def write(
        self,
        conversation: ConversationAtGenesys,
        customer: str,
        text: str | None,
        content: list[JsonObject],
        entity: Entity,
    ) -> Reply:
        """One message now, behind what waits in the conversation; structured where its content is more than attachments."""
        is_plain = all(item.get("contentType") == "Attachment" for item in content)
        body: JsonObject = {"type": "Text" if is_plain else "Structured", "originatingEntity": entity}
        body |= ({"text": text} if text is not None else {}) | ({"content": content} if content else {})
        reply = self._compose(customer, conversation, 0, text or "")
        self._lines.append(conversation.id, partial(self._send, reply, conversation, body))
        return reply

    def type(self, conversation: ConversationAtGenesys) -> None:
        """Shows the customer that somebody is typing."""
        self._lines.append(conversation.id, partial(self._type, conversation, 0.0))

    def _compose(
        self, customer: str, conversation: ConversationAtGenesys, number: int, text: str, *, in_reply_to: str | None = None
    ) -> Reply:
        reply = Reply(
            customer=customer,
            number=number,
            id=self._new_id(),
            conversation_id=conversation.id,
            in_reply_to=in_reply_to,
            text=text,
            at=self._clock(),
        )
        self._journal.add_reply(reply)
        conversation.message_ids.append(reply.id)
        return reply

    async def _reply(self, reply: Reply, conversation: ConversationAtGenesys, due: float) -> None:
        await _until(due)
        self._conversations.take_up(conversation)
        await self._send(reply, conversation, self._answer_of(reply))
        if self._is_last(reply) and self._falls(self._config.agent_end_share):
            self.end(conversation, "client")

    def _is_last(self, reply: Reply) -> bool:
        """An agent who has left answers nothing: the customer's newer messages are answered first."""
        return reply.number >= self._config.agent_end_after and reply.number == self._written[reply.customer]

    def end(self, conversation: ConversationAtGenesys, disconnect_type: str, *, is_told: bool = True) -> None:
        """All who take part leave."""
        ended = self._conversations.end(conversation, disconnect_type)
        if is_told:
            self._events.tell_ends(conversation, ended)

    def _answer_of(self, reply: Reply) -> JsonObject:
        if self._falls(self._config.agent_structured_share):
            text, content = EXAMPLES[self._random.choice(list(EXAMPLES))]
            body: JsonObject = {"type": "Structured", "content": content, "originatingEntity": "Bot"}
            return body | ({"text": text} if text is not None else {})
        content = self._attachments.attach() if self._falls(self._config.agent_file_share) else []
        return {"type": "Text", "text": reply.text, "content": content, "originatingEntity": "Human"}

    def _falls(self, share: float) -> bool:
        """Nothing is drawn for what never happens, so that it does not change what else does."""
        return share > 0 and self._random.random() < share

    async def _send(self, reply: Reply, conversation: ConversationAtGenesys, body: JsonObject) -> None:
        reply.accepted = await self._deliver(reply.id, conversation, body)
        reply.waiting = False

    async def _type(self, conversation: ConversationAtGenesys, due: float) -> None:
        await _until(due)
        self._journal.tally["agent_typing"] += 1
        body = {"type": "Event", "events": [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]}
        await self._deliver(self._new_id(), conversation, body)

    async def _deliver(self, message_id: str, conversation: ConversationAtGenesys, body: JsonObject) -> bool:
        """By the integration as it is set up when the message leaves."""
        integration = self._integrations.get(conversation.integration_id)
        channel = {
            "id": integration.id,
            "platform": "Open",
            "type": "Private",
            "messageId": message_id,
            "to": {"id": conversation.from_id, "idType": "Opaque"},
            "from": {"nickname": integration.name, "id": integration.id, "idType": "Opaque"},
            "time": iso(self._clock()),
        }
        ids = {"id": message_id, "channel": channel, "direction": "Outbound", "conversationId": conversation.id}
        return await self._webhooks.deliver(render_genesys_body(ids | body), self._integrations.terms(integration.id))

    def _new_id(self) -> str:
        return self._random.randbytes(16).hex()


async def _until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
