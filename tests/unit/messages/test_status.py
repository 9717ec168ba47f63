"""Statuses against a model that knows nothing of steps: the final state as a function of the *set* of reports."""

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import STEPS, MessageState, is_valid_state_transition, merge, parse_status

T0 = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WORDS = ("sent", "delivered", "read", "failed", "played")
OUTBOUND = MessageState(direction=Direction.OUTBOUND, status=Status.QUEUED)
INBOUND = MessageState(direction=Direction.INBOUND, status=Status.RECEIVED)


def report(word: str, second: int = 0, **said: object) -> StatusReport:
    at = T0 + timedelta(seconds=second)
    return StatusReport(**({"wamid": "wamid.1", "status": word, "at": at} | said))  # type: ignore[arg-type]


def final(state: MessageState, reports: list[StatusReport]) -> MessageState:
    return merge(state, reports)[-1].state if reports else state


def model(reports: list[StatusReport]) -> MessageState:
    """What an outbound message that was queued must be after these reports, in whatever order they came."""
    at = {word: [each.at for each in reports if each.status == word] for word in WORDS}
    seen = at["read"] + at["played"]
    failures = [each for each in reports if each.status == "failed"]
    failure = min(
        failures, key=lambda each: (each.at, each.error is None, json.dumps(each.error, sort_keys=True)), default=None
    )
    if seen:
        status, failure = Status.READ, None
    elif failures:
        status = Status.FAILED
    else:
        status = Status.DELIVERED if at["delivered"] else Status.SENT if at["sent"] else Status.QUEUED
    return MessageState(
        direction=Direction.OUTBOUND,
        status=status,
        delivered_at=min(at["delivered"] + seen, default=None),
        read_at=min(seen, default=None),
        failed_at=failure.at if failure else None,
        error=failure.error if failure else None,
    )


def test_every_order_of_the_five_statuses_ends_the_same() -> None:
    reports = [report(word, second, error={"code": 1} if word == "failed" else None) for second, word in enumerate(WORDS)]
    for size in range(1, len(reports) + 1):
        for order in permutations(reports, size):
            assert final(OUTBOUND, list(order)) == model(list(order)), [each.status for each in order]


def test_every_order_within_the_same_second_ends_the_same() -> None:
    for order in permutations([report(word) for word in WORDS]):
        assert final(OUTBOUND, list(order)) == model(list(order))


some_reports = st.lists(
    st.builds(
        report,
        st.sampled_from((*WORDS, "queued", "warped", "SENT")).map(lambda word: "sent" if word == "SENT" else word),
        st.integers(0, 3),
        error=st.sampled_from((None, {"code": 131026}, {"code": 131049})),
    ),
    max_size=8,
)


@given(reports=some_reports, again=st.lists(st.integers(0, 7), max_size=4), seed=st.randoms(use_true_random=False))
def test_doubled_and_shuffled_reports_end_as_the_model_says(reports: list[StatusReport], again: list[int], seed) -> None:  # type: ignore[no-untyped-def]
    doubled = reports + [reports[index] for index in again if index < len(reports)]
    seed.shuffle(doubled)
    assert final(OUTBOUND, doubled) == model(reports)


@given(reports=some_reports, cut=st.integers(0, 8))
def test_it_does_not_matter_how_reports_fall_into_batches(reports: list[StatusReport], cut: int) -> None:
    assert final(final(OUTBOUND, reports[:cut]), reports[cut:]) == final(OUTBOUND, reports)


@given(reports=some_reports)
def test_a_status_never_goes_backwards(reports: list[StatusReport]) -> None:
    order = [Status.QUEUED, Status.SENT, Status.DELIVERED, Status.FAILED, Status.READ]
    seen = [OUTBOUND.status, *(step.state.status for step in merge(OUTBOUND, reports))]
    assert seen == sorted(seen, key=order.index)


def test_sent_may_jump_to_read_and_delivery_is_proved_by_it() -> None:
    sent = final(OUTBOUND, [report("sent")])
    (step,) = merge(sent, [report("read", 9)])
    assert step.why_not is None
    assert step.before is Status.SENT
    assert (step.state.status, step.state.delivered_at, step.state.read_at) == (Status.READ, report("", 9).at, report("", 9).at)


def test_delivered_after_read_still_tells_its_earlier_time() -> None:
    state = final(OUTBOUND, [report("read", 9), report("delivered", 4)])
    assert (state.status, state.delivered_at) == (Status.READ, report("", 4).at)


def test_a_read_proves_that_an_earlier_failure_was_one_devices() -> None:
    state = final(OUTBOUND, [report("failed", 1, error={"code": 131026}), report("read", 5)])
    assert (state.status, state.failed_at, state.error) == (Status.READ, None, None)


def test_a_status_that_changes_nothing_says_why() -> None:
    steps = merge(OUTBOUND, [report("delivered"), report("sent"), report("delivered")])
    assert [step.why_not for step in steps] == [None, "already delivered", "already delivered"]


def test_an_unknown_word_changes_nothing_and_is_named() -> None:
    (step,) = merge(OUTBOUND, [report("warped")])
    assert step.state == OUTBOUND
    assert step.why_not == "'warped' is no status of an outbound message"


STEP_TABLE = {
    "queued": {"sent", "failed"},
    "sent": {"delivered", "failed"},
    "delivered": {"read", "failed"},
    "read": set(),
    "received": {"processed", "failed"},
    "processed": set(),
    "failed": set(),
}
"""MESSAGE_STATE_TRANSITIONS of seed 000, copied by hand."""


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize("new", Status)
def test_the_step_table_is_that_of_the_contract(current: Status, new: Status) -> None:
    assert is_valid_state_transition(current, new) == (new == current or new in STEP_TABLE[current])
    assert set(STEPS[current]) == STEP_TABLE[current]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("received", Status.RECEIVED),
        ("sent", Status.RECEIVED),
        ("processed", Status.PROCESSED),
        ("delivered", Status.PROCESSED),
        ("read", Status.PROCESSED),
        ("READ", Status.PROCESSED),
        ("failed", Status.FAILED),
        ("queued", None),
        ("played", None),
    ],
)
def test_inbound_messages_are_reported_in_outbound_words_too(word: str, status: Status | None) -> None:
    assert parse_status(word, Direction.INBOUND) is status


@pytest.mark.parametrize(("word", "status"), [("played", Status.READ), ("Sent", Status.SENT), ("processed", None), ("", None)])
def test_words_of_an_outbound_message(word: str, status: Status | None) -> None:
    assert parse_status(word, Direction.OUTBOUND) is status


@pytest.mark.parametrize("order", list(permutations([report("processed", 3), report("failed", 1), report("received", 2)])))
def test_every_order_of_an_inbound_messages_statuses_ends_processed(order: tuple[StatusReport, ...]) -> None:
    state = final(INBOUND, list(order))
    assert (state.status, state.read_at, state.failed_at) == (Status.PROCESSED, None, None)


def test_a_failed_inbound_message_can_still_be_processed_after_a_replay() -> None:
    assert final(final(INBOUND, [report("failed")]), [report("processed", 1)]).status is Status.PROCESSED
