"""Who may speak, speaker by controller, as the table in docs/explanation/who-may-speak.md has it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from waystate.conversations.control import (
    GENESYS,
    SYSTEM,
    Controller,
    Handover,
    Speaker,
    SpeakerKind,
    goes_to_genesys,
    may_give,
    may_take,
    speak,
)
from waystate.conversations.model import Conversation, ConversationStatus
from waystate.errors import Reason, Rejected

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
KEY, OTHER_KEY = Speaker(SpeakerKind.KEY, ONE), Speaker(SpeakerKind.KEY, OTHER)
PERSON, TAKER = Speaker(SpeakerKind.PERSON, ONE), Speaker(SpeakerKind.PERSON, ONE, takes=True)
LEADER = replace(TAKER, leads=True)
FLOW, OTHER_FLOW = Speaker(SpeakerKind.FLOW, ONE), Speaker(SpeakerKind.FLOW, OTHER)
CONTROLLERS = {SpeakerKind.PERSON: Controller.AGENT, SpeakerKind.FLOW: Controller.FLOW}
SPEAKS, TAKES, REFUSED = "speaks", "takes", "refused"


def conversation(controller: str, holder: str | None = None) -> Conversation:
    return Conversation(
        id=ONE,
        contact_id=ONE,
        phone_number_id="1",
        wa_id="5511987654321",
        genesys_conversation_id=None,
        communication_id=None,
        status=ConversationStatus.ACTIVE,
        expires_at=NOW,
        last_activity_at=NOW,
        last_customer_message_at=NOW,
        version=1,
        controller=controller,
        control_holder=holder,
        control_epoch=4,
    )


@pytest.mark.parametrize(
    ("speaker", "controller", "holder", "outcome"),
    [
        (FLOW, "none", None, TAKES),
        (FLOW, "flow", FLOW.holder, SPEAKS),
        (FLOW, "flow", OTHER_FLOW.holder, REFUSED),
        (FLOW, "agent", PERSON.holder, REFUSED),
        (FLOW, "external", "genesys", REFUSED),
        (PERSON, "none", None, TAKES),
        (PERSON, "flow", FLOW.holder, TAKES),
        (PERSON, "agent", PERSON.holder, SPEAKS),
        (PERSON, "agent", "person:2", REFUSED),
        (TAKER, "agent", "person:2", REFUSED),
        (LEADER, "agent", "person:2", TAKES),
        (replace(LEADER, takes=False), "agent", "person:2", REFUSED),
        (PERSON, "external", "genesys", REFUSED),
        (LEADER, "external", KEY.holder, TAKES),
        (TAKER, "external", "genesys", TAKES),
        (TAKER, "external", KEY.holder, TAKES),
        (GENESYS, "none", None, TAKES),
        (GENESYS, "flow", FLOW.holder, TAKES),
        (GENESYS, "agent", PERSON.holder, REFUSED),
        (GENESYS, "external", "genesys", SPEAKS),
        (GENESYS, "external", KEY.holder, TAKES),
        (KEY, "none", None, TAKES),
        (KEY, "flow", FLOW.holder, REFUSED),
        (KEY, "agent", PERSON.holder, REFUSED),
        (replace(KEY, leads=True, takes=True), "agent", PERSON.holder, REFUSED),
        (KEY, "external", KEY.holder, SPEAKS),
        (KEY, "external", OTHER_KEY.holder, REFUSED),
        (KEY, "external", "genesys", REFUSED),
        (SYSTEM, "none", None, SPEAKS),
        (SYSTEM, "flow", FLOW.holder, SPEAKS),
        (SYSTEM, "agent", PERSON.holder, SPEAKS),
        (SYSTEM, "external", "genesys", SPEAKS),
    ],
)
def test_one_at_a_time_speaks(speaker: Speaker, controller: str, holder: str | None, outcome: str) -> None:
    match speak(conversation(controller, holder), speaker):
        case None:
            assert outcome == SPEAKS
        case Handover() as change:
            assert outcome == TAKES
            assert change == Handover(CONTROLLERS.get(speaker.kind, Controller.EXTERNAL), speaker.holder, 5, holder)
        case Rejected() as refused:
            assert (outcome, refused.reason) == (REFUSED, Reason.NOT_IN_CONTROL)


def test_who_replaces_a_key_goes_on_where_it_spoke() -> None:
    new = replace(OTHER_KEY, before=frozenset({KEY.holder}))
    assert speak(conversation("external", KEY.holder), new) == Handover(Controller.EXTERNAL, new.holder, 5, None)
    old = replace(KEY, after=frozenset({OTHER_KEY.holder}))
    assert speak(conversation("external", OTHER_KEY.holder), old) is None


@pytest.mark.parametrize(
    ("speaker", "controller", "holder", "queue", "is_of_queue", "may"),
    [
        (PERSON, "none", None, None, False, True),
        (PERSON, "none", None, ONE, False, False),
        (PERSON, "none", None, ONE, True, True),
        (LEADER, "none", None, ONE, False, True),
        (PERSON, "flow", FLOW.holder, None, False, True),
        (PERSON, "agent", PERSON.holder, ONE, False, True),
        (PERSON, "agent", "person:2", None, True, False),
        (LEADER, "agent", "person:2", None, False, True),
        (PERSON, "external", "genesys", None, False, True),
        (PERSON, "external", KEY.holder, None, False, True),
    ],
)
def test_who_may_take_a_conversation(
    speaker: Speaker, controller: str, holder: str | None, queue: UUID | None, is_of_queue: bool, may: bool
) -> None:
    taken = replace(conversation(controller, holder), queue_id=queue)
    assert may_take(taken, speaker, is_of_queue=is_of_queue) is may


@pytest.mark.parametrize(
    ("speaker", "controller", "holder", "may"),
    [
        (PERSON, "none", None, True),
        (KEY, "none", None, True),
        (PERSON, "flow", FLOW.holder, True),
        (KEY, "flow", FLOW.holder, False),
        (PERSON, "agent", PERSON.holder, True),
        (PERSON, "agent", "person:2", False),
        (KEY, "agent", PERSON.holder, False),
        (replace(KEY, leads=True), "agent", PERSON.holder, True),
        (LEADER, "agent", "person:2", True),
        (PERSON, "external", "genesys", False),
        (KEY, "external", KEY.holder, True),
        (KEY, "external", OTHER_KEY.holder, False),
        (replace(KEY, before=frozenset({OTHER_KEY.holder})), "external", OTHER_KEY.holder, True),
    ],
)
def test_who_may_pass_a_conversation_on(speaker: Speaker, controller: str, holder: str | None, may: bool) -> None:
    assert may_give(conversation(controller, holder), speaker) is may


@pytest.mark.parametrize(
    ("controller", "is_queued_here", "goes"),
    [
        *(("none", False, True), ("none", True, False), ("flow", False, True), ("flow", True, True)),
        *(("agent", False, False), ("agent", True, False), ("external", False, True), ("external", True, True)),
    ],
)
def test_genesys_gets_what_nobody_here_has(controller: str, is_queued_here: bool, goes: bool) -> None:
    assert goes_to_genesys(controller, is_queued_here=is_queued_here) is goes
