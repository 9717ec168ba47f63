"""Traffic that goes on while something is struck, and ends when the block does; what was taken is what must be there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.harness_fleet import FleetRun
from tests.faults.harness_queue import endless_lines

_LAST = 90.0
"""Seconds for the messages that are under way at the end."""


@asynccontextmanager
async def written_meanwhile(run: FleetRun, *, customers: int, pause: float) -> AsyncIterator[None]:
    """Over the queue: each customer's next message when the one before is confirmed, and so many seconds later."""
    sender = run.sender
    assert sender is not None
    first, run.met = run.met, run.met + customers
    lines = endless_lines(run.simulated, f"{run.record.seed}", count=customers, first=10_000 + first)
    sending = asyncio.create_task(sender.send_all(lines, pause=pause))
    try:
        yield
    finally:
        sender.is_stopping = True
        try:
            await asyncio.wait_for(sending, _LAST + pause)
        except TimeoutError:
            raise AssertionError(f"RabbitMQ confirms nothing any more: {dict(sender.refused)}; {run.evidence()}") from None
        run.bodies += sender.confirmed
