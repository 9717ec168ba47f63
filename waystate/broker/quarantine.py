"""A queue message suspected of killing processes is worked in a process of its own: if that one dies, it was the message.

Processes also die of other things, and again and again in a bad hour; whoever only counts deaths accuses the innocent.
"""

import asyncio
import base64
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from waystate import documents
from waystate.broker.consumer import QueueMessage, Untried
from waystate.broker.letters import TENANT_HEADER
from waystate.child import command_of, ending_of
from waystate.errors import Retry

COMMAND = tuple(command_of("try-message"))
TIMEOUT = 60.0
"""Seconds; a message that takes longer would hold its queue for good."""
OUTAGE = os.EX_TEMPFAIL
"""The exit code that says: not now."""


async def try_apart(
    kind: str, delivery: QueueMessage, *, command: Sequence[str] = COMMAND, limit: float = TIMEOUT
) -> str | None:
    """None when it is worked there, else how that process died. `Retry` in an outage, `Untried` when nothing came of it."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, env={**os.environ, "WAYSTATE_CHILD": "1"}, start_new_session=True
    )
    try:
        async with asyncio.timeout(limit):
            await process.communicate(render_trial(kind, delivery))
    except TimeoutError:
        return f"it was still at work after {limit:g} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
    match process.returncode:
        case 0:
            return None
        case int(code) if code < 0:
            return ending_of(code)
        case code if code == OUTAGE:
            raise Retry("the process that tries a suspected message met an outage", after=1.0)
        case code:
            raise Untried(f"the process that tries a suspected message ended with exit code {code}")


def render_trial(kind: str, delivery: QueueMessage) -> bytes:
    tenant = delivery.headers.get(TENANT_HEADER)
    document = {
        "kind": kind,
        "queue": delivery.queue,
        "id": delivery.id,
        "body": base64.b64encode(delivery.body).decode(),
        "tenant": tenant.decode("latin-1") if isinstance(tenant, bytes) else tenant,
        "sent_at": None if delivery.sent_at is None else delivery.sent_at.isoformat(),
        "returns": delivery.returns,
    }
    return documents.dump(document).encode()


def parse_trial(document: bytes) -> tuple[str, QueueMessage]:
    told = documents.parse(document)
    return told["kind"], QueueMessage(
        queue=told["queue"],
        id=told["id"],
        body=base64.b64decode(told["body"]),
        headers={} if told["tenant"] is None else {TENANT_HEADER: told["tenant"]},
        sent_at=None if told["sent_at"] is None else datetime.fromisoformat(told["sent_at"]),
        returns=told["returns"],
    )
