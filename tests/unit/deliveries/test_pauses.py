"""How long an account rests after an answer, and what is said of sends that nobody can tell of."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from waystate.channels.genesys.errors import outcome_of as at_genesys
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import outcome_of
from waystate.deliveries.dispatch import log_lost
from waystate.deliveries.model import Claimed, Target
from waystate.deliveries.retry import THROTTLED_PAUSE, pause_of


def test_an_account_rests_as_long_as_a_disturbed_platform_asks() -> None:
    """The send itself is unknown; those that have not left yet need not become so too."""
    lost = outcome_of(503, b"busy", {"Retry-After": "7"})
    assert (lost.outcome, pause_of(Target.WHATSAPP, lost)) == (Outcome.UNKNOWN, timedelta(seconds=7))


def test_an_account_goes_on_where_nobody_asks_for_a_pause() -> None:
    assert pause_of(Target.WHATSAPP, outcome_of(503, b"busy", {})) is None
    assert pause_of(Target.WHATSAPP, AttemptResult(outcome=Outcome.SENT)) is None


def test_a_client_that_asks_too_often_rests_until_genesys_says_or_for_a_while() -> None:
    asked, silent = at_genesys(429, b"", {"Retry-After": "41"}), at_genesys(429, b"", {})
    assert pause_of(Target.GENESYS, asked) == timedelta(seconds=41)
    assert pause_of(Target.GENESYS, silent) == THROTTLED_PAUSE
    assert pause_of(Target.GENESYS, at_genesys(503, b"", {})) is None


NOW = datetime(2026, 3, 2, tzinfo=UTC)
LOST = outcome_of(503, b"busy", {})


def claimed(target: Target) -> Claimed:
    ids = {name: uuid4() for name in ("event_id", "message_id", "conversation_id")}
    said = {"account": "1", "phone_number_id": "1", "lane": 0, "epoch": 1, "attempt": 1, "created_at": NOW}
    return Claimed(target=target, request={"text": "Secret words"}, **ids, **said)


def test_lost_sends_of_a_batch_are_counted_in_one_line() -> None:
    with capture_logs() as lines:
        log_lost([(claimed(Target.WHATSAPP), LOST, NOW), (claimed(Target.WHATSAPP), LOST, NOW)])
    (line,) = lines
    assert (line["log_level"], line["count"], line["error"]["code"]) == ("warning", 2, 503)
    assert "none is sent again" in line["event"]
    assert "Secret words" not in str(line)


@pytest.mark.parametrize(
    ("target", "result"),
    [(Target.GENESYS, LOST), (Target.WHATSAPP, AttemptResult(outcome=Outcome.SENT, external_id="wamid.A"))],
)
def test_what_is_sent_again_or_arrived_is_not_called_lost(target: Target, result: AttemptResult) -> None:
    with capture_logs() as lines:
        log_lost([(claimed(target), result, NOW)])
    assert lines == []
