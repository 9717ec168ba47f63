"""What Genesys tells of its conversations through Amazon EventBridge, and how EventBridge hands it on.

Source: Genesys' topics `v2.detail.events.conversation.{id}.customer.end` and `….acd.end` with the platform SDK's models of
them (times in milliseconds, words in capitals); the envelope is EventBridge's own, whose API destinations wait 5 s and try
again on 401, 407, 409, 429 and 5xx.
"""

from asyncio import Semaphore
from collections.abc import Iterator
from datetime import datetime
from random import Random
from uuid import UUID

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys_conversations import QUEUE, ConversationAtGenesys, Leg
from waystate.simulator.genesys_oauth import ORGANIZATION
from waystate.simulator.lines import Tasks
from waystate.simulator.webhooks import Webhooks, WebhookTerms, doubling, render_genesys_body

PATIENCE = 5.0
_TRIED_AGAIN = frozenset({401, 407, 409, 429})
_AT_ONCE = 20
_FIRST, _LONGEST, _FOR = 1.0, 60.0, 86_400.0


class EventBridge:
    """Tells nothing while it has no address: that of the configuration, until it is directed to another."""

    def __init__(self, config: SimulatorConfig, webhooks: Webhooks, tasks: Tasks, clock: Clock, random: Random) -> None:
        self.url = config.genesys_events_url
        self._header = config.genesys_events_header
        self._factor = config.genesys_time_factor
        self._webhooks = webhooks
        self._tasks = tasks
        self._clock = clock
        self._random = random
        self._places = Semaphore(_AT_ONCE)

    def direct(self, url: str, header: tuple[str, str] | None) -> None:
        """What is told from now on goes to `url`, with `header` as name and value."""
        self.url, self._header = url, header

    def tell_ends(self, conversation: ConversationAtGenesys, legs: list[Leg]) -> None:
        """Each participant's end by its topic: the customer's, the queue's, the agent's."""
        for leg in legs:
            self.tell(TOPICS[leg.purpose], conversation, leg)

    def tell(self, topic: str, conversation: ConversationAtGenesys, leg: Leg) -> None:
        if self.url is None:
            return
        body = render_event(
            topic, conversation, leg, self._clock(), event_id=str(UUID(bytes=self._random.randbytes(16), version=4))
        )
        self._tasks.start(self._deliver(self.url, render_genesys_body(body)))

    async def _deliver(self, url: str, body: bytes) -> None:
        async with self._places:
            await self._webhooks.deliver(body, self._terms(url))

    def _terms(self, url: str) -> WebhookTerms:
        headers = {} if self._header is None else dict([self._header])

        def pauses() -> Iterator[float]:
            return doubling(_FIRST * self._factor, _LONGEST * self._factor, _FOR * self._factor)

        return WebhookTerms(
            url=url,
            timeout=PATIENCE,
            headers=lambda _: headers,
            is_taken=lambda status: status is not None and 200 <= status < 300,
            is_retried=lambda status: status is None or status in _TRIED_AGAIN or status >= 500,
            pauses=pauses,
        )


TOPICS = {"customer": "customer.end", "acd": "acd.end", "agent": "user.end"}
"""By a participant's purpose, the topic of its end."""


def render_event(topic: str, conversation: ConversationAtGenesys, leg: Leg, at: datetime, *, event_id: str) -> JsonObject:
    name = f"v2.detail.events.conversation.{conversation.id}.{topic}"
    return {
        "version": "0",
        "id": event_id,
        "detail-type": f"v2.detail.events.conversation.{{id}}.{topic}",
        "source": f"aws.partner/genesys.com/cloud/{ORGANIZATION['id']}/simulated",
        "account": "123456789012",
        "time": iso(at)[:19] + "Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "topicName": name,
            "version": "2",
            "eventBody": _event_body(topic, conversation, leg, at),
            "metadata": {"CorrelationId": event_id},
            "timestamp": iso(at),
        },
    }


def _event_body(topic: str, conversation: ConversationAtGenesys, leg: Leg, at: datetime) -> JsonObject:
    ended = leg.ended or at
    body = {
        "eventTime": _milliseconds(ended),
        "conversationId": conversation.id,
        "participantId": leg.id,
        "sessionId": leg.communication_id,
        "disconnectType": (leg.disconnect_type or "unknown").upper(),
        "mediaType": "MESSAGE",
        "provider": "Open Messaging",
        "direction": conversation.direction.upper(),
        "addressTo": conversation.integration_id,
        "addressFrom": conversation.from_id,
        "messageType": "OPEN",
    }
    if topic == "acd.end":
        return body | {"queueId": QUEUE["id"], "acdOutcome": "ANSWERED" if leg.disconnect_type == "transfer" else "ABANDON"}
    lasted = _milliseconds(ended) - _milliseconds(leg.began)
    return body | {"interactingDurationMs": lasted}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
