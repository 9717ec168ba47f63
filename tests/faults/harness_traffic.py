"""Traffic that goes on while something is struck, and ends when the block does; what was taken is what must be there."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

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


def figures_of(run: FleetRun, state: Mapping[str, Any], recoveries: Sequence[float]) -> dict[str, Any]:
    """For the report: what was sent meanwhile, how long what was struck stayed away, how long nothing moved."""
    assert run.sender is not None
    return {
        "messages confirmed by RabbitMQ": len(run.sender.confirmed),
        "sends that brought no confirm": dict(run.sender.refused) or 0,
        "webhooks that Meta sent again": state["webhooks"]["whatsapp"]["retried"],
        "slowest recovery in seconds": round(max(recoveries), 2),
        "longest standstill in seconds": run.standstill(),
    }
