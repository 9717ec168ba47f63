"""Simulated agents at Genesys, who answer what customers write.

Source: developer.genesys.cloud, Open Messaging, outbound messages.
"""

import asyncio
from functools import partial
from random import Random

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.attachments import AgentFiles
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.journal import Journal, MessageAtGenesys, Reply
from waystate.simulator.lines import Lines
from waystate.simulator.rules import RulesInForce
from waystate.simulator.sentences import answer
from waystate.simulator.webhooks import Webhooks, render_genesys_body


class Agents:
    def __init__(
        self,
        config: SimulatorConfig,
        rules: RulesInForce,
        journal: Journal,
        webhooks: Webhooks,
        lines: Lines,
        attachments: AgentFiles,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._rules = rules
        self._journal = journal
        self._webhooks = webhooks
        self._lines = lines
        self._attachments = attachments
        self._clock = clock
        self._random = random
        self._written: dict[str, int] = {}

    def waiting(self) -> int:
        """Webhooks that were due or are to come, and not yet taken by Waystate."""
        return self._lines.waiting

    def answer(self, received: MessageAtGenesys) -> None:
        """Perhaps, after a while, and in order within the conversation."""
        if not self._rules.now.agents or self._random.random() >= self._config.agent_reply_share:
            return
        due = asyncio.get_running_loop().time() + self._config.agent_reply_delay * self._random.uniform(0.5, 1.5)
        if self._random.random() < self._config.agent_typing_share:
            self._lines.append(received.conversation_id, partial(self._type, received, due))
        reply = self._compose(received)
        self._journal.add_reply(reply)
        self._lines.append(received.conversation_id, partial(self._reply, reply, received, due))

    def _compose(self, received: MessageAtGenesys) -> Reply:
        number = self._written[received.customer] = self._written.get(received.customer, 0) + 1
        return Reply(
            customer=received.customer,
            number=number,
            id=self._new_id(),
            conversation_id=received.conversation_id,
            in_reply_to=received.message_id,
            text=answer(self._random, number),
            at=self._clock(),
        )

    async def _reply(self, reply: Reply, received: MessageAtGenesys, due: float) -> None:
        await _until(due)
        share = self._config.agent_file_share
        has_file = share > 0 and self._random.random() < share
        content = self._attachments.attach() if has_file else []
        body = {"type": "Text", "text": reply.text, "content": content, "originatingEntity": "Human"}
        reply.accepted = await self._webhooks.deliver(self._render(reply.id, received, body))
        reply.waiting = False

    async def _type(self, received: MessageAtGenesys, due: float) -> None:
        await _until(due)
        self._journal.tally["agent_typing"] += 1
        body = {"type": "Event", "events": [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]}
        await self._webhooks.deliver(self._render(self._new_id(), received, body))

    def _render(self, message_id: str, received: MessageAtGenesys, body: JsonObject) -> bytes:
        integration = self._config.integration_id
        channel = {
            "id": integration,
            "platform": "Open",
            "type": "Private",
            "messageId": message_id,
            "to": {"id": received.from_id, "idType": "Opaque"},
            "from": {"nickname": "Simulated integration", "id": integration, "idType": "Opaque"},
            "time": iso(self._clock()),
        }
        ids = {"id": message_id, "channel": channel, "direction": "Outbound", "conversationId": received.conversation_id}
        return render_genesys_body(ids | body)

    def _new_id(self) -> str:
        return self._random.randbytes(16).hex()


async def _until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
