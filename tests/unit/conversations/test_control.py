"""Who may speak, speaker by controller, as the table in docs/explanation/who-may-speak.md has it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from waystate.conversations.control import GENESYS, SYSTEM, Controller, Handover, Speaker, SpeakerKind, speak
from waystate.conversations.model import Conversation, ConversationStatus
from waystate.errors import Reason, Rejected

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
KEY, OTHER_KEY = Speaker(SpeakerKind.KEY, ONE), Speaker(SpeakerKind.KEY, OTHER)
PERSON, TAKER = Speaker(SpeakerKind.PERSON, ONE), Speaker(SpeakerKind.PERSON, ONE, takes=True)
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
        (GENESYS, "none", None, TAKES),
        (GENESYS, "flow", None, TAKES),
        (GENESYS, "agent", PERSON.holder, REFUSED),
        (GENESYS, "external", "genesys", SPEAKS),
        (GENESYS, "external", KEY.holder, TAKES),
        (GENESYS, "external", PERSON.holder, TAKES),
        (KEY, "none", None, TAKES),
        (KEY, "flow", None, REFUSED),
        (KEY, "agent", PERSON.holder, REFUSED),
        (KEY, "external", KEY.holder, SPEAKS),
        (KEY, "external", OTHER_KEY.holder, REFUSED),
        (KEY, "external", "genesys", REFUSED),
        (PERSON, "none", None, TAKES),
        (PERSON, "flow", None, TAKES),
        (PERSON, "external", PERSON.holder, SPEAKS),
        (PERSON, "external", "genesys", REFUSED),
        (PERSON, "agent", "person:2", REFUSED),
        (TAKER, "external", "genesys", TAKES),
        (TAKER, "agent", "person:2", TAKES),
        (SYSTEM, "none", None, SPEAKS),
        (SYSTEM, "flow", None, SPEAKS),
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
            assert change == Handover(Controller.EXTERNAL, speaker.holder, 5, holder)
        case Rejected() as refused:
            assert (outcome, refused.reason) == (REFUSED, Reason.NOT_IN_CONTROL)
