"""A suspected message goes to a process of its own and back comes how that one ended."""

import sys
from datetime import UTC, datetime

import pytest

from waystate.broker.consumer import QueueMessage, Untried
from waystate.broker.quarantine import parse_trial, render_trial, try_apart
from waystate.errors import Retry

DELIVERY = QueueMessage(
    queue="inbound",
    id="m1",
    body=b"\xff{}",
    headers={"x-tenant-id": "acme"},
    sent_at=datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC),
    returns=3,
)


def program(source: str) -> list[str]:
    return [sys.executable, "-c", f"import os, signal, sys, time; told = sys.stdin.buffer.read(); {source}"]


def test_a_delivery_arrives_as_it_was() -> None:
    assert parse_trial(render_trial("inbound", DELIVERY)) == ("inbound", DELIVERY)
    bare = QueueMessage(queue="q", id="", body=b"")
    assert parse_trial(render_trial("status", bare)) == ("status", bare)


async def test_what_is_worked_there_is_done() -> None:
    source = "sys.exit(0 if b'm1' in told and os.environ['WAYSTATE_CHILD'] == '1' else 3)"
    assert await try_apart("inbound", DELIVERY, command=program(source)) is None


async def test_how_it_died_is_told() -> None:
    assert await try_apart("inbound", DELIVERY, command=program("os.kill(os.getpid(), signal.SIGSEGV)")) == "signal 11"


async def test_what_never_ends_is_ended_and_counts_as_a_death() -> None:
    ending = await try_apart("inbound", DELIVERY, command=program("time.sleep(60)"), limit=0.5)
    assert ending == "it was still at work after 0.5 s"


async def test_an_outage_is_no_verdict() -> None:
    with pytest.raises(Retry):
        await try_apart("inbound", DELIVERY, command=program("sys.exit(os.EX_TEMPFAIL)"))


async def test_a_program_that_fails_settles_nothing() -> None:
    with pytest.raises(Untried, match="exit code 3"):
        await try_apart("inbound", DELIVERY, command=program("sys.exit(3)"))
