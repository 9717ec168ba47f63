"""Clocks that must not be confused: the customer window and the expiry. Genesys' threading is a matter of look-ups."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from waystate.conversations.model import Conversation, ConversationStatus, preview_of, public_conversation_id
from waystate.ids import new_id

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(hours=24)


def conversation(
    *,
    status: ConversationStatus = ConversationStatus.ACTIVE,
    expires_at: datetime = NOW + DAY,
    customer_at: datetime | None = NOW,
) -> Conversation:
    return Conversation(
        id=new_id(),
        contact_id=new_id(),
        phone_number_id="1001",
        wa_id=None,
        genesys_conversation_id=None,
        communication_id=None,
        status=status,
        expires_at=expires_at,
        last_activity_at=NOW,
        last_customer_message_at=customer_at,
        window_from=customer_at,
        version=1,
    )


@pytest.mark.parametrize(
    ("later", "open_window"), [(timedelta(0), True), (DAY - TICK, True), (DAY, False), (DAY + TICK, False)]
)
def test_free_text_is_allowed_for_24_hours_after_the_customers_last_message(later: timedelta, open_window: bool) -> None:
    assert conversation().takes_free_text(NOW + later) is open_window


def test_a_conversation_without_a_customer_message_takes_no_free_text() -> None:
    assert conversation(customer_at=None).takes_free_text(NOW) is False


def test_the_window_does_not_care_about_expiry_nor_expiry_about_the_window() -> None:
    overdue = conversation(expires_at=NOW)
    assert (overdue.is_open(NOW), overdue.takes_free_text(NOW)) == (False, True)
    quiet = conversation(customer_at=NOW - 2 * DAY)
    assert (quiet.is_open(NOW), quiet.takes_free_text(NOW)) == (True, False)


def test_overdue_counts_as_expired_at_once() -> None:
    each = conversation(expires_at=NOW)
    assert each.effective_status(NOW - TICK) is ConversationStatus.ACTIVE
    assert each.effective_status(NOW) is ConversationStatus.EXPIRED


@pytest.mark.parametrize("status", [ConversationStatus.ACTIVE, ConversationStatus.WAITING, ConversationStatus.ERROR])
def test_open_states_are_open_until_they_are_overdue(status: ConversationStatus) -> None:
    assert conversation(status=status).is_open(NOW) is True
    assert conversation(status=status, expires_at=NOW).is_open(NOW) is False


@pytest.mark.parametrize("status", [ConversationStatus.CLOSED, ConversationStatus.EXPIRED])
def test_final_states_stay_what_they_are(status: ConversationStatus) -> None:
    each = conversation(status=status)
    assert (each.is_open(NOW), each.effective_status(NOW + 9 * DAY)) == (False, status)


def test_what_is_public_of_a_conversations_ids_follows_the_tenants_setting() -> None:
    own = UUID(int=7)
    assert public_conversation_id("local", own, "genesys") == str(own)
    assert public_conversation_id("genesys", own, "genesys") == "genesys"
    assert public_conversation_id("genesys", own, None) is None


def test_a_preview_is_short() -> None:
    assert (preview_of("x" * 1001), preview_of(""), preview_of(None)) == ("x" * 1000, None, None)
