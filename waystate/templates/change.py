"""Templates change: by what webhooks tell, and by what a listing shows. The caller's transaction appends the events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from waystate.channels.model import TemplateReport
from waystate.db.pool import Connection
from waystate.events.model import TemplateChanged
from waystate.ids import TenantId
from waystate.templates import store
from waystate.templates.model import EVERY, SETTLED, Template, TemplateStep, list_out, next_due, tell


class TemplateTold(NamedTuple):
    """What a webhook's word came to: the template as it is now (None: there is none), and the event of what changed."""

    template: Template | None
    event: TemplateChanged | None


class Listing(NamedTuple):
    """What came of a listing: how many templates it showed, and how many of those known were new, changed, or gone."""

    found: int
    added: int
    changed: int
    deleted: int
    events: Sequence[TemplateChanged]


async def apply_reports(
    conn: Connection, tenant: TenantId, reports: Sequence[TemplateReport], now: datetime
) -> list[TemplateTold]:
    """What each report came to, one after the other. An account that tells of what is not known here is listed soon."""
    syncs = await store.lock_accounts(conn, tenant, [each.business_account_id for each in reports], now)
    known = await store.find_reported(conn, tenant, reports)
    results: list[TemplateTold] = []
    written: dict[tuple[str, str, str], Template] = {}
    unsettled: set[str] = set()
    for report in reports:
        before = _find_reported(known, report)
        after = tell(before, report, syncs[report.business_account_id])
        if after is None or after.components is None or report.texts:
            unsettled.add(report.business_account_id)
        if after is None or after == before:
            results.append(TemplateTold(after, None))
            continue
        known = [after, *(each for each in known if each.id != after.id)]
        written[after.business_account_id, *after.key] = after
        results.append(TemplateTold(after, _event(TemplateStep(before, after), now)))
    if written:
        await store.upsert_many(conn, tenant, list(written.values()))
    if unsettled:
        await store.note_due(conn, tenant, unsettled, now + SETTLED)
    return results


async def apply_listing(
    conn: Connection,
    tenant: TenantId,
    business_account_id: str,
    listed: Sequence[TemplateReport],
    at: datetime,
    now: datetime,
    *,
    every: timedelta = EVERY,
) -> Listing:
    """Write down a whole listing that began `at`; one that began before the last one changes nothing. The next is due in
    `every`."""
    sync = (await store.lock_accounts(conn, tenant, [business_account_id], now))[business_account_id]
    if sync.synced_at is not None and sync.synced_at >= at:
        return Listing(len(listed), 0, 0, 0, ())
    known = await store.list_of_account(conn, tenant, business_account_id)
    changes = list_out(known, listed, sync, at)
    told = [each for each in changes if each.is_told]
    if told:
        await store.upsert_many(conn, tenant, [each.after for each in told])
    await store.note_listed(
        conn, tenant, [each.after.id for each in changes if not each.is_told and each.after.synced_at == at], at
    )
    await store.note_synced(conn, tenant, business_account_id, at, next_due(business_account_id, now, every))
    shown = {(each.name, each.language) for each in listed}
    added = sum(each.before is None for each in told)
    deleted = sum(each.after.key not in shown for each in told)
    events = [event for each in told if (event := _event(each, now)) is not None]
    return Listing(len(shown), added, len(told) - added - deleted, deleted, events)


def _find_reported(known: Sequence[Template], report: TemplateReport) -> Template | None:
    """By name and language, which are unique; else by WhatsApp's id, which a successor of the same name has another of."""
    own = [each for each in known if each.business_account_id == report.business_account_id]
    if report.name is not None and report.language is not None:
        return next((each for each in own if each.key == (report.name, report.language)), None)
    return next((each for each in own if each.external_id == report.external_id), None)


def _event(change: TemplateStep, now: datetime) -> TemplateChanged | None:
    if not change.is_told:
        return None
    before, after = change
    return TemplateChanged(
        template_id=after.id,
        business_account_id=after.business_account_id,
        external_id=after.external_id,
        name=after.name,
        language=after.language,
        status=after.status,
        previous_status=before.status if before else None,
        reason=after.reason,
        category=after.category,
        previous_category=before.category if before else None,
        quality=after.quality,
        previous_quality=before.quality if before else None,
        are_components_changed=before is None or before.components != after.components,
        timestamp=after.changed_at,
        at=now,
    )
