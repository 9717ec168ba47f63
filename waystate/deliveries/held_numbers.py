"""Numbers that WhatsApp refuses as such: held once, told once, and released by what proves that the cause is mended."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import kind_of_error
from waystate.db.pool import Connection
from waystate.deliveries.model import TO_WHATSAPP, Claimed, Target
from waystate.deliveries.retry import is_held
from waystate.events.model import Event, NumberHeld, NumberReleased
from waystate.ids import TenantId
from waystate.messages.advance import Advanced
from waystate.messages.model import Status
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Hold, HoldKind

_KINDS: dict[FailureKind | None, HoldKind] = {
    FailureKind.AUTH: "auth",
    FailureKind.ACCOUNT: "account",
    FailureKind.BILLING: "billing",
}
FROM_WHATSAPP = "whatsapp"
"""The source of a status that a webhook told."""


def held_by_answers(results: Iterable[tuple[Claimed, AttemptResult, datetime]]) -> list[Hold]:
    """Returns the numbers that answers to sends refused as such, each by the first of them."""
    refused = [each for each in results if each[0].target in TO_WHATSAPP and is_held(each[1])]
    return _first_of_each(
        Hold(claimed.account, at, (result.error or {})["kind"], "answer", result.error or {}) for claimed, result, at in refused
    )


def is_sent_message(claimed: Claimed, result: AttemptResult) -> bool:
    """Whether it shows that the number's messages are taken: of a mark that is taken nobody asks for a payment."""
    return claimed.target is Target.WHATSAPP and result.outcome is Outcome.SENT


def held_by_statuses(advanced: Advanced) -> list[Hold]:
    """Returns the numbers whose messages WhatsApp accepted and then failed for what it holds against the number."""
    steps = [(advanced.messages[key], step) for key, each in advanced.merged.items() for step in each if step.why_not is None]
    failed = [
        (message.phone_number_id, step.report)
        for message, step in steps
        if step.state.status is Status.FAILED and step.report.source == FROM_WHATSAPP
    ]
    kinds = [(number, report, _KINDS.get(kind_of_error(report.error))) for number, report in failed]
    return _first_of_each(
        Hold(number, report.at, kind, "status", (report.error or {}) | {"kind": kind})
        for number, report, kind in kinds
        if kind is not None
    )


async def hold_numbers(conn: Connection, tenant: TenantId, holds: Sequence[Hold]) -> list[Event]:
    """In the caller's transaction, which appends the events: one for each number that was not held before."""
    new = await tenant_store.hold_accounts(conn, tenant, holds) if holds else []
    return [NumberHeld(phone_number_id=each.phone_number_id, at=each.since, kind=each.kind, error=each.error) for each in new]


async def release_numbers(
    conn: Connection, tenant: TenantId, numbers: Sequence[str], told_by: Sequence[Literal["answer", "status"]], now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events."""
    gone = await tenant_store.release_accounts(conn, tenant, numbers, told_by) if numbers else []
    return [
        NumberReleased(phone_number_id=each.phone_number_id, at=now, kind=each.kind, held_since=each.since) for each in gone
    ]


def _first_of_each(holds: Iterable[Hold]) -> list[Hold]:
    first: dict[str, Hold] = {}
    for each in holds:
        first.setdefault(each.phone_number_id, each)
    return list(first.values())
