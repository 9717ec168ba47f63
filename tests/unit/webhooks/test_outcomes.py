"""What is kept of a row, however many and however long the items of its body are."""

from datetime import UTC, date, datetime

from waystate.errors import Reason
from waystate.ids import new_id
from waystate.ledger.model import ANY_ROUTE, LedgerRow
from waystate.webhooks.outcomes import LISTED, SPACE, TEXT, Worked


def worked() -> Worked:
    row = LedgerRow(
        day=date(2026, 3, 2),
        id=new_id(),
        source="whatsapp",
        origin="app",
        lane=0,
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        taken=1,
        attempts=1,
        body=b"",
    )
    return Worked(row)


def test_texts_are_cut_and_the_first_of_each_outcome_always_fits() -> None:
    found = worked()
    text = "\x01" * 1_000_000
    for n in range(LISTED):
        found.ignore(f"0.0.s{n}", text, text)
        found.bury(f"0.0.m{n}", Reason.INVALID_PAYLOAD, text)
        found.reject_unrouted(f"phone_number_id:{n}{text}", text, f"0.0.e{n}")
    settled = found.settled()
    assert settled.state == "rejected"
    assert settled.outcome["reason"] == Reason.UNKNOWN_TENANT
    assert settled.outcome["unrouted"] == [ANY_ROUTE]
    for name in ("ignored", "rejected", "dead_letters"):
        assert 1 <= len(settled.outcome[name]) < LISTED
        assert len(settled.outcome[name]) + settled.outcome["unlisted"][name] == LISTED
    assert len(settled.outcome["message"]) == TEXT
    assert settled.outcome["message"].endswith("…")


def test_what_is_usual_is_listed_whole() -> None:
    found = worked()
    for n in range(LISTED):
        found.reject_unrouted(f"phone_number_id:10020030040{n}", "a sentence of advice " * 8, f"0.0.m{n}")
    outcome = found.settled().outcome
    assert [len(outcome[name]) for name in ("rejected", "unrouted")] == [LISTED] * 2
    assert "unlisted" not in outcome
    assert len(str(outcome)) < 2 * SPACE


def test_why_a_row_is_set_aside_is_said_first_whatever_else_became_of_it() -> None:
    found = worked()
    for n in range(LISTED):
        found.reject_unrouted(f"waba:{n}", "nobody's", f"0.0.m{n}")
    found.give_up(Reason.DATABASE_ERROR, "It keeps failing.")
    outcome = found.settled().outcome
    assert (outcome["reason"], outcome["message"]) == (Reason.DATABASE_ERROR, "It keeps failing.")
    assert (len(outcome["rejected"]), outcome["unlisted"]) == (LISTED, {"rejected": 1})
    assert len(outcome["unrouted"]) == LISTED
