"""Who speaks in a conversation: one at a time, and who comes in is decided by one function. Pure.

`agent` is a person here, to whom the conversation is assigned; `external` is Genesys, or a service that calls with a key.
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
from waystate.principal import Principal, Scope


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
    FLOW = "flow"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who wants to say something. `takes`: a person who takes the conversation over, from another person only if they `lead`.

    `before` and `after`: holders that are the same service, by a key that this one replaces, or that replaces this one.
    """

    kind: SpeakerKind
    id: UUID | None = None
    takes: bool = False
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    leads: bool = False

    @property
    def holder(self) -> str:
        """What `control_holder` calls it, and `sender` of its messages; an agent's are told by their integration instead."""
        return self.kind.value if self.id is None else f"{self.kind.value}:{self.id}"

    @property
    def controller(self) -> Controller:
        """What a conversation's is while this one has the word."""
        return _CONTROLLERS.get(self.kind, Controller.EXTERNAL)


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
_CONTROLLERS = {SpeakerKind.PERSON: Controller.AGENT, SpeakerKind.FLOW: Controller.FLOW}
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
    epoch = conversation.control_epoch + 1
    if speaker.kind is SpeakerKind.SYSTEM or is_held_by(conversation, speaker):
        return None
    if now is Controller.EXTERNAL and holder in speaker.before:
        # The same service goes on: what it said by its former key leaves.
        return Handover(speaker.controller, speaker.holder, epoch, None)
    if now is Controller.NONE or _takes_over(now, speaker):
        return Handover(speaker.controller, speaker.holder, epoch, holder)
    return Rejected(
        Reason.NOT_IN_CONTROL,
        f"Not sent: {whose(conversation)}, and one at a time may. A person takes the conversation over with `take`, another "
        "person's if they may assign conversations; a template, a planned or a bulk message is sent all the same.",
    )


def is_held_by(conversation: Conversation, speaker: Speaker) -> bool:
    """Whether the word is theirs."""
    return conversation.controller == speaker.controller and conversation.control_holder in (speaker.holder, *speaker.after)


def whose(conversation: Conversation) -> str:
    """Who speaks, as a clause; of a conversation that somebody has."""
    holder = conversation.control_holder
    return _WHO[Controller(conversation.controller)] + (f" ({holder})" if holder else "")


def may_take(conversation: Conversation, speaker: Speaker, *, is_of_queue: bool) -> bool:
    """Whether a person may make it theirs: what nobody has, where it waits in no queue or in one of theirs; else as by `take`.

    `is_of_queue`: they are a member of the queue that it is in.
    """
    now = Controller(conversation.controller)
    if now is Controller.NONE:
        return conversation.queue_id is None or is_of_queue or speaker.leads
    return is_held_by(conversation, speaker) or _takes_over(now, replace(speaker, takes=True))


def may_give(conversation: Conversation, speaker: Speaker) -> bool:
    """Whether somebody may pass it on or end it: who has it, who leads, anybody where nobody has it; a person, of a flow."""
    now = Controller(conversation.controller)
    if now is Controller.NONE or speaker.leads or is_held_by(conversation, speaker):
        return True
    if now is Controller.EXTERNAL and conversation.control_holder in speaker.before:
        return True
    return now is Controller.FLOW and speaker.kind is SpeakerKind.PERSON


def goes_to_genesys(controller: str, *, is_queued_here: bool) -> bool:
    """Who gets what a customer writes: not Genesys where a person here has the conversation, or a queue of people here."""
    return controller != Controller.AGENT and not (controller == Controller.NONE and is_queued_here)


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
            return now is Controller.FLOW or (speaker.takes and (now is Controller.EXTERNAL or speaker.leads))
    return False


def speaker_of(principal: Principal, *, takes: bool = False) -> Speaker:
    """Who may assign conversations leads: nobody here is safe from them."""
    leads = Scope.CONVERSATIONS_ASSIGN in principal.scopes
    if principal.kind == "session":
        return Speaker(SpeakerKind.PERSON, principal.user_id, takes, leads=leads)
    return Speaker(SpeakerKind.KEY, principal.id, leads=leads)


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
