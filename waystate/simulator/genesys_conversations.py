"""Conversations at Genesys Cloud: who takes part, since when and until when.

Source: the platform SDK's Conversation, Participant and MessageConversation. Genesys threads by (integration, from.id): who
writes again after an agent has left goes on in the same conversation, with new participants, until the threading timeout.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys_refusals import not_found
from waystate.simulator.journal import Recent
from waystate.simulator.webhooks import without_none

QUEUE = {"id": "9b1c2d3e-0000-4000-8000-000000000001", "name": "Simulated queue"}
MOST_LEGS, MOST_MESSAGES = 100, 1000
"""Kept of a conversation, the newest; whoever is still there is among them."""
AGENT = {"id": "9b1c2d3e-0000-4000-8000-000000000002", "name": "Simulated agent"}


@dataclass(slots=True, kw_only=True)
class Leg:
    """One participant from their coming to their going; `communication_id` is their session."""

    id: str
    communication_id: str
    purpose: str
    began: datetime
    attributes: dict[str, str] = field(default_factory=dict)
    ended: datetime | None = None
    disconnect_type: str | None = None


@dataclass(slots=True, kw_only=True)
class ConversationAtGenesys:
    id: str
    integration_id: str
    from_id: str
    nickname: str | None
    began: datetime
    direction: str = "inbound"
    legs: list[Leg] = field(default_factory=list)
    message_ids: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_MESSAGES))

    def find_live(self, purpose: str) -> Leg | None:
        return next((leg for leg in self.legs if leg.ended is None and leg.purpose == purpose), None)

    @property
    def is_over(self) -> bool:
        return all(leg.ended is not None for leg in self.legs)

    @property
    def ended(self) -> datetime | None:
        return max((leg.ended for leg in self.legs if leg.ended), default=None) if self.is_over else None


class Conversations:
    """The newest of each (integration, from.id), and all by their id."""

    def __init__(self, config: SimulatorConfig, clock: Clock, random: Random) -> None:
        self._threading = timedelta(seconds=config.genesys_threading)
        self._clock = clock
        self._random = random
        self._by_id: Recent[str, ConversationAtGenesys] = Recent(config.journal_limit)
        self._newest: dict[tuple[str, str], ConversationAtGenesys] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[ConversationAtGenesys]:
        return iter(list(self._by_id.values()))

    def join(
        self, integration_id: str, from_id: str, nickname: str | None = None, attributes: dict[str, str] | None = None
    ) -> ConversationAtGenesys:
        """The customer's conversation, with the customer in it: the one that goes on, or a new one."""
        found = self._goes_on(integration_id, from_id) or self._begin(integration_id, from_id, nickname)
        customer = found.find_live("customer") or self._add_leg(found, "customer")
        customer.attributes |= attributes or {}
        if found.find_live("acd") is None and found.find_live("agent") is None:
            self._add_leg(found, "acd")
        return found

    def take_up(self, conversation: ConversationAtGenesys) -> None:
        """An agent answers it, if none has; what is over stays over."""
        if conversation.is_over:
            return
        queue = conversation.find_live("acd")
        if queue is not None:
            self._end_leg(queue, "transfer")
        if conversation.find_live("agent") is None:
            self._add_leg(conversation, "agent")

    def end(self, conversation: ConversationAtGenesys, disconnect_type: str) -> list[Leg]:
        """Those who took part until now."""
        ending = [leg for leg in conversation.legs if leg.ended is None]
        for leg in ending:
            self._end_leg(leg, disconnect_type)
        return ending

    def get(self, conversation_id: str) -> ConversationAtGenesys:
        """Raises GenesysRefusal (404)."""
        found = self._by_id.get(conversation_id)
        if found is None:
            raise not_found(f"conversation {conversation_id}")
        return found

    def find(self, named: str) -> ConversationAtGenesys | None:
        """By its own id, or the newest of whom `from.id` names."""
        if named in self._by_id:
            return self._by_id[named]
        return next((each for key, each in self._newest.items() if key[1] == named), None)

    def _goes_on(self, integration_id: str, from_id: str) -> ConversationAtGenesys | None:
        found = self._newest.get((integration_id, from_id))
        if found is None or (found.ended is not None and self._clock() - found.ended >= self._threading):
            return None
        return found

    def _begin(self, integration_id: str, from_id: str, nickname: str | None) -> ConversationAtGenesys:
        now = self._clock()
        made = ConversationAtGenesys(
            id=self._new_id(), integration_id=integration_id, from_id=from_id, nickname=nickname, began=now
        )
        self._by_id[made.id] = self._newest[integration_id, from_id] = made
        return made

    def _add_leg(self, conversation: ConversationAtGenesys, purpose: str) -> Leg:
        leg = Leg(id=self._new_id(), communication_id=self._new_id(), purpose=purpose, began=self._clock())
        conversation.legs.append(leg)
        del conversation.legs[:-MOST_LEGS]
        return leg

    def _end_leg(self, leg: Leg, disconnect_type: str) -> None:
        leg.ended = self._clock()
        leg.disconnect_type = disconnect_type

    def _new_id(self) -> str:
        return str(UUID(bytes=self._random.randbytes(16), version=4))


def render_conversation(conversation: ConversationAtGenesys) -> JsonObject:
    """`GET /api/v2/conversations/{id}`."""
    return without_none(
        {
            "id": conversation.id,
            "startTime": iso(conversation.began),
            "endTime": _iso(conversation.ended),
            "address": conversation.from_id,
            "participants": [_participant(conversation, leg) for leg in conversation.legs],
            "recordingState": "NONE",
            "state": "disconnected" if conversation.is_over else "connected",
            "divisions": [],
            "selfUri": f"/api/v2/conversations/{conversation.id}",
        }
    )


def render_message_conversation(conversation: ConversationAtGenesys) -> JsonObject:
    """`GET /api/v2/conversations/messages/{id}`."""
    return {
        "id": conversation.id,
        "participants": [_message_participant(conversation, leg) for leg in conversation.legs],
        "selfUri": f"/api/v2/conversations/messages/{conversation.id}",
    }


def _participant(conversation: ConversationAtGenesys, leg: Leg) -> JsonObject:
    session = {
        "id": leg.communication_id,
        "state": _state(leg),
        "direction": conversation.direction,
        "disconnectType": leg.disconnect_type,
        "connectedTime": iso(leg.began),
        "disconnectedTime": _iso(leg.ended),
        "provider": "Open Messaging",
        "type": "open",
        "messages": _messages(conversation) if leg.purpose == "customer" else [],
        **_addresses(conversation),
    }
    about = {
        "id": leg.id,
        "purpose": leg.purpose,
        "startTime": iso(leg.began),
        "connectedTime": iso(leg.began),
        "endTime": _iso(leg.ended),
        "attributes": leg.attributes,
        "messages": [without_none(session)],
    }
    return without_none(about | _who(conversation, leg))


def _message_participant(conversation: ConversationAtGenesys, leg: Leg) -> JsonObject:
    about = {
        "id": leg.communication_id,
        "purpose": leg.purpose,
        "state": _state(leg),
        "direction": conversation.direction,
        "startTime": iso(leg.began),
        "connectedTime": iso(leg.began),
        "endTime": _iso(leg.ended),
        "disconnectType": leg.disconnect_type,
        "attributes": leg.attributes,
        "provider": "Open Messaging",
        "type": "open",
        "messages": _messages(conversation) if leg.purpose == "customer" else [],
        **_addresses(conversation),
    }
    return without_none(about | {"name": _who(conversation, leg)["name"]})


def _who(conversation: ConversationAtGenesys, leg: Leg) -> JsonObject:
    if leg.purpose == "agent":
        return {"name": AGENT["name"], "userId": AGENT["id"], "queueId": QUEUE["id"]}
    if leg.purpose == "acd":
        return {"name": QUEUE["name"], "queueId": QUEUE["id"]}
    return {"name": conversation.nickname or conversation.from_id, "address": conversation.from_id}


def _messages(conversation: ConversationAtGenesys) -> list[JsonObject]:
    return [{"messageId": each} for each in conversation.message_ids]


def _addresses(conversation: ConversationAtGenesys) -> JsonObject:
    return {
        "toAddress": {"addressNormalized": conversation.integration_id},
        "fromAddress": without_none({"name": conversation.nickname, "addressNormalized": conversation.from_id}),
    }


def _state(leg: Leg) -> str:
    return "connected" if leg.ended is None else "disconnected"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
