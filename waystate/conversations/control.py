"""Who speaks in a conversation: one at a time, and who comes in is decided by one function. Pure.

`external` is Genesys, or a service that calls with a key, or a person; the holder says which.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from waystate.conversations.model import Conversation
from waystate.errors import Reason, Rejected
from waystate.events.model import ControlChanged
from waystate.ids import find_uuid
from waystate.principal import Principal


class Controller(StrEnum):
    NONE = "none"
    FLOW = "flow"
    AGENT = "agent"
    EXTERNAL = "external"


class SpeakerKind(StrEnum):
    """`system`: templates, planned messages and bulk sends speak always, and take nothing over."""

    GENESYS = "genesys"
    KEY = "key"
    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who wants to say something. `takes`: a person who takes the conversation over, whoever has it.

    `before` and `after`: holders that are the same service, by a key that this one replaces, or that replaces this one.
    """

    kind: SpeakerKind
    id: UUID | None = None
    takes: bool = False
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def holder(self) -> str:
        """What `control_holder` calls it, and `sender` of its messages; an agent's are told by their integration instead."""
        return self.kind.value if self.id is None else f"{self.kind.value}:{self.id}"


@dataclass(frozen=True, slots=True)
class Handover:
    """Somebody else speaks in the conversation from now on. `former` had it; None: nobody."""

    controller: Controller
    holder: str
    epoch: int
    former: str | None

    def made_in(self, conversation: Conversation) -> Conversation:
        return replace(conversation, controller=self.controller, control_holder=self.holder, control_epoch=self.epoch)


GENESYS = Speaker(SpeakerKind.GENESYS)
SYSTEM = Speaker(SpeakerKind.SYSTEM)
_WHO = {
    Controller.FLOW: "a flow speaks with the customer",
    Controller.AGENT: "an agent speaks with the customer",
    Controller.EXTERNAL: "somebody else speaks with the customer",
}


def speak(conversation: Conversation, speaker: Speaker) -> Handover | Rejected | None:
    """What it means that somebody speaks now: None: they have the word; a change: they take it; else why they may not.

    Seed 003 and the table of controllers in `docs/explanation/who-may-speak.md`.
    """
    now = Controller(conversation.controller)
    holder = conversation.control_holder
    if speaker.kind is SpeakerKind.SYSTEM or (now is Controller.EXTERNAL and holder in (speaker.holder, *speaker.after)):
        return None
    if now is Controller.EXTERNAL and holder in speaker.before:
        # The same service goes on: what it said by its former key leaves.
        return Handover(Controller.EXTERNAL, speaker.holder, conversation.control_epoch + 1, None)
    if now is Controller.NONE or _takes_over(now, speaker):
        return Handover(Controller.EXTERNAL, speaker.holder, conversation.control_epoch + 1, holder)
    whose = f" ({holder})" if now is Controller.EXTERNAL and holder else ""
    return Rejected(
        Reason.NOT_IN_CONTROL,
        f"Not sent: {_WHO[now]}{whose}, and one at a time may. A person takes the conversation over with `take`; a template, a "
        "planned or a bulk message is sent all the same.",
    )


def key_of(conversation: Conversation) -> UUID | None:
    """Returns the key in whose hands the conversation is."""
    kind, _, name = (conversation.control_holder or "").partition(":")
    return find_uuid(name) if kind == SpeakerKind.KEY and conversation.controller == Controller.EXTERNAL else None


def with_keys(speaker: Speaker, replaced: Mapping[UUID, Collection[UUID]]) -> Speaker:
    """`replaced`: key → those that it came after, one after the other."""
    if speaker.kind is not SpeakerKind.KEY or speaker.id is None:
        return speaker
    before = frozenset(Speaker(SpeakerKind.KEY, each).holder for each in replaced.get(speaker.id, ()))
    after = frozenset(Speaker(SpeakerKind.KEY, key).holder for key, each in replaced.items() if speaker.id in each)
    return replace(speaker, before=before, after=after)


def _takes_over(now: Controller, speaker: Speaker) -> bool:
    match speaker.kind:
        case SpeakerKind.GENESYS:
            return now is not Controller.AGENT
        case SpeakerKind.PERSON:
            return now is Controller.FLOW or speaker.takes
    return False


def speaker_of(principal: Principal, *, takes: bool = False) -> Speaker:
    """Until people have a room of their own, a person speaks as `external`, held by them."""
    if principal.kind == "session":
        return Speaker(SpeakerKind.PERSON, principal.user_id, takes)
    return Speaker(SpeakerKind.KEY, principal.id)


def changes_of(changes: Iterable[tuple[Conversation, Handover]], now: datetime) -> list[ControlChanged]:
    """An event of each."""
    return [
        ControlChanged(
            mapping_id=conversation.id,
            contact_id=conversation.contact_id,
            phone_number_id=conversation.phone_number_id,
            at=now,
            controller=change.controller,
            holder=change.holder,
            former_holder=change.former,
            control_epoch=change.epoch,
        )
        for conversation, change in changes
    ]


def displaced(changes: Iterable[tuple[Conversation, Handover]]) -> list[tuple[UUID, str]]:
    """(Conversation, who had the word in it and lost it): what they said and is not sent yet must not be."""
    made = list(changes)
    holders = {conversation.id: change.holder for conversation, change in made}
    lost = [(conversation.id, change.former) for conversation, change in made if change.former is not None]
    return list(dict.fromkeys((each, former) for each, former in lost if former != holders[each]))
