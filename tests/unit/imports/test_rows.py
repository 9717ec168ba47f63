"""A row of the seeds' tables is read or refused with a reason, whatever stands in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.contacts.model import Identity, IdentityKind
from waystate.documents import dump
from waystate.ids import TenantId, time_of
from waystate.imports.rows import (
    EARLIEST,
    MappingRow,
    RowRefused,
    Terms,
    TrackingRow,
    conversation_id_of,
    identity_of,
    report_id_of,
    take_mapping,
    take_message,
)
from waystate.messages.model import Direction, Status
from waystate.messages.status import MessageState, merge

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TERMS = Terms(
    tenant=TenantId("acme"),
    key="id",
    link="mapping_id",
    zone=ZoneInfo("Europe/Berlin"),
    number="106540352242922",
    ttl=timedelta(hours=72),
    now=NOW,
)
MAPPING = {"id": str(UUID(int=5)), "wa_id": "4915100000001", "status": "active", "created_at": "2026-11-29T10:00:00"}
MESSAGE = {
    "id": "7",
    "mapping_id": str(UUID(int=5)),
    "direction": "OUTBOUND",
    "status": "sent",
    "created_at": "2026-11-01 10:00:00",
}
DELIVERED = {"delivered_at": "2026-11-01T11:00:00"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


MORE_OF_MAPPINGS = ("conversation_id", "metadata", "last_activity_at", "updated_at", "phone_number_id")
MORE_OF_MESSAGES = ("wamid", "genesys_message_id", "media_url", "delivered_at", "updated_at", "metadata")


def refusal_or(take: Callable[[], Any]) -> Any:
    """What is taken; None when the row is refused, as it must be: with a reason and a sentence."""
    try:
        return take()
    except RowRefused as error:
        refused = error
    assert refused.reason
    assert str(refused).endswith(".")
    return None


@given(st.sampled_from([*MAPPING, *MORE_OF_MAPPINGS]), ANYTHING, st.sampled_from(["id", "conversation_id"]))
def test_any_mapping_is_read_or_refused(column: str, value: object, key: str) -> None:
    row = MappingRow(MAPPING | {column: value}, None, None, False)
    taken = refusal_or(lambda: take_mapping(row, replace(TERMS, key=key)))
    if taken is not None:
        assert taken.writer.identities
        assert EARLIEST <= taken.conversation.created_at <= taken.conversation.last_activity_at <= NOW
        assert "\\u0000" not in dump(taken.conversation.metadata)


@given(st.sampled_from([*MESSAGE, *MORE_OF_MESSAGES]), ANYTHING)
def test_any_message_is_read_or_refused(column: str, value: object) -> None:
    taken = refusal_or(lambda: take_message(TrackingRow(MESSAGE | {column: value}, False), TERMS))
    if taken is not None:
        assert EARLIEST <= time_of(taken.message.id) <= NOW
        assert all(report.message_id == taken.message.id for report in taken.reports)


@pytest.mark.parametrize(
    ("said", "kind", "is_meant"),
    [
        ("4915123456789", IdentityKind.WA_ID, "4915123456789"),
        ("+49 (151) 23-45.67/89", IdentityKind.WA_ID, "4915123456789"),
        ("004915123456789", IdentityKind.WA_ID, "4915123456789"),
        ("whatsapp:+4915123456789", IdentityKind.WA_ID, "4915123456789"),
        ("US.13491208655302741918", IdentityKind.BSUID, "US.13491208655302741918"),
        ("US.ENT.13491208655302741918", IdentityKind.BSUID, "US.ENT.13491208655302741918"),
    ],
)
def test_a_customer_is_who_is_meant(said: str, kind: IdentityKind, is_meant: str) -> None:
    assert identity_of(said) == Identity(kind, is_meant)


@pytest.mark.parametrize(
    "said", [None, "", "  ", "0151234567", "1234", "+", "++4915123456789", "49151x", "٤٩١٥١٢٣٤٥٦٧", True, 7.5]
)
def test_who_is_nobody_is_refused(said: object) -> None:
    with pytest.raises(RowRefused, match=r"neither a phone number|country code"):
        identity_of(said)


@pytest.mark.parametrize(
    ("direction", "row", "expected"),
    [
        ("OUTBOUND", {"status": "queued"}, []),
        ("OUTBOUND", {"status": "sent"}, [("sent", 9)]),
        ("OUTBOUND", {"status": "sent", "updated_at": "2026-11-01 11:00:00"}, [("sent", 10)]),
        ("outbound", {"status": "read", **DELIVERED, "read_at": "2026-11-01 12:00:00+00"}, [("delivered", 10), ("read", 12)]),
        ("outbound", {"status": "delivered", "updated_at": "2026-11-01 12:00:00"}, [("delivered", 11)]),
        ("OUTBOUND", {"status": "failed", "updated_at": "2026-11-01 11:00:00"}, [("failed", 10)]),
        ("INBOUND", {"status": "received"}, []),
        ("inbound", {"status": "sent"}, []),
        ("inbound", {"status": "read", "read_at": "2026-11-01 11:00:00"}, [("processed", 10)]),
        ("INBOUND", {"status": "PROCESSED"}, [("processed", 9)]),
    ],
)  # fmt: skip
def test_a_message_has_its_status_by_reports_of_the_times_that_are_known(
    direction: str, row: dict[str, str], expected: list[tuple[str, int]]
) -> None:
    taken = take_message(TrackingRow(MESSAGE | {"direction": direction} | row, False), TERMS)
    assert [(report.status, report.at.hour) for report in taken.reports] == expected
    first = Status.RECEIVED if taken.message.direction is Direction.INBOUND else Status.QUEUED
    assert taken.message.status is first
    steps = merge(MessageState(taken.message.direction, first), taken.reports)
    assert (steps[-1].state.status if steps else first) == (expected[-1][0] if expected else first)
    assert len({report_id_of(report) for report in taken.reports}) == len(expected)


def test_an_import_that_comes_again_makes_the_same_ids() -> None:
    one, two = (take_message(TrackingRow(dict(MESSAGE), False), TERMS) for _ in range(2))
    assert one.message.id == two.message.id
    assert time_of(one.message.id) == one.message.sent_at
    other = take_message(TrackingRow(MESSAGE | {"id": "8"}, False), TERMS)
    assert other.message.id != one.message.id
    assert conversation_id_of(TERMS.tenant, "17") == conversation_id_of(TERMS.tenant, "17")
    assert conversation_id_of(TERMS.tenant, "17") != conversation_id_of(TenantId("other"), "17")
    assert conversation_id_of(TERMS.tenant, str(UUID(int=5))) == UUID(int=5)
