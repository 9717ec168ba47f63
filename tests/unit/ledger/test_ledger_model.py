"""Webhook bodies as the ledger keeps them."""

from datetime import UTC, datetime

from waystate.ids import new_id
from waystate.ledger.model import LedgerRow


def test_a_row_is_named_by_its_day_and_id() -> None:
    row = LedgerRow(
        day=datetime(2026, 3, 2, tzinfo=UTC).date(),
        id=(row_id := new_id()),
        source="whatsapp",
        origin="app-1",
        lane=1,
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        taken=1,
        attempts=1,
        body=b"{}",
    )
    assert row.name == f"ledger:2026-03-02:{row_id}"
