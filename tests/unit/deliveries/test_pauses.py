"""How long an account rests after an answer."""

from datetime import timedelta

from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import outcome_of
from waystate.deliveries.dispatch import pause_of


def test_an_account_rests_as_long_as_a_disturbed_platform_asks() -> None:
    """The send itself is unknown; those that have not left yet need not become so too."""
    lost = outcome_of(503, b"busy", {"Retry-After": "7"})
    assert (lost.outcome, pause_of(lost)) == (Outcome.UNKNOWN, timedelta(seconds=7))


def test_an_account_goes_on_where_nobody_asks_for_a_pause() -> None:
    assert pause_of(outcome_of(503, b"busy", {})) is None
    assert pause_of(AttemptResult(outcome=Outcome.SENT)) is None
