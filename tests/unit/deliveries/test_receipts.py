"""What Genesys is told of agents' messages, and of several receipts for one message which is sent."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.deliveries.model import Delivery, Target
from waystate.deliveries.receipts import coalesce, receipt_status
from waystate.events.model import MessageStatus, OutboundRefused
from waystate.ids import new_id
from waystate.tenants.model import Receipts

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MESSAGES = [new_id() for _ in range(4)]
ORDER = ["queued", "sent", "delivered", "failed", "read"]
"""As statuses merge: a message's only rises."""


def status(word: str, previous: str) -> MessageStatus:
    return MessageStatus(
        mapping_id=new_id(),
        contact_id=new_id(),
        phone_number_id="1001",
        message_id=MESSAGES[0],
        at=NOW,
        direction="outbound",
        status=word,
        previous=previous,
        timestamp=NOW,
        genesys_message_id="g.1",
    )


def delivery(message_id: UUID, position: int, target: Target, said: str | None) -> Delivery:
    return Delivery(
        event_id=new_id(),
        target=target,
        message_id=message_id,
        conversation_id=new_id(),
        account="integration",
        lane=1,
        order_key=f"r:{message_id}",
        position=position,
        created_at=NOW,
        request={"status": said},
    )


@pytest.mark.parametrize(
    ("receipts", "sent", "delivered", "failed", "read_after_failed"),
    [
        ("all", "Sent", "Delivered", "Failed", "Delivered"),
        ("final", None, "Delivered", "Failed", "Delivered"),
        ("failed", None, None, "Failed", "Delivered"),
        ("none", None, None, None, None),
    ],
)
def test_each_setting_tells_what_it_says(
    receipts: Receipts, sent: str | None, delivered: str | None, failed: str | None, read_after_failed: str | None
) -> None:
    assert receipt_status(status("sent", "queued"), receipts) == sent
    assert receipt_status(status("delivered", "sent"), receipts) == delivered
    assert receipt_status(status("read", "sent"), receipts) == delivered
    assert receipt_status(status("failed", "delivered"), receipts) == failed
    assert receipt_status(status("read", "failed"), receipts) == read_after_failed
    assert receipt_status(status("read", "delivered"), receipts) is None, "it is told already"


def test_what_was_refused_at_once_is_told_as_failed() -> None:
    refused = OutboundRefused.model_construct(type="outbound.refused")
    assert receipt_status(refused, "failed") == "Failed"
    assert receipt_status(refused, "none") is None


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Statuses of some messages, each message's in rising order, mixed."""
    left = {number: sorted(draw(st.sets(st.integers(1, 4)))) for number in range(len(MESSAGES))}
    mixed: list[tuple[int, str]] = []
    while any(left.values()):
        number = draw(st.sampled_from([number for number, words in left.items() if words]))
        mixed.append((number, ORDER[left[number].pop(0)]))
    return mixed


@given(histories(), st.sampled_from(["all", "final", "failed"]))
def test_of_each_message_the_last_receipt_is_sent_alone_and_no_failure_is_lost(
    history: list[tuple[int, str]], receipts: Receipts
) -> None:
    planned, before, expected = [], dict.fromkeys(range(4), "queued"), {}
    for position, (number, word) in enumerate(history):
        told = receipt_status(status(word, before[number]), receipts)
        before[number] = word
        planned.append(delivery(MESSAGES[number], position, Target.WHATSAPP, None))
        if told is not None:
            expected[MESSAGES[number]] = told
            planned.append(delivery(MESSAGES[number], position, Target.GENESYS_RECEIPT, told))
    left = coalesce(planned)
    sent = [each for each in left if each.target is Target.GENESYS_RECEIPT]
    assert {each.message_id: each.request["status"] for each in sent} == expected
    assert len(sent) == len(expected), "one each"
    failed = {MESSAGES[number] for number, word in before.items() if word == "failed"}
    assert failed <= {each.message_id for each in sent if each.request["status"] == "Failed"}
    assert [each for each in left if each.target is Target.WHATSAPP] == [
        each for each in planned if each.target is Target.WHATSAPP
    ]
