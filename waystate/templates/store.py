"""Templates, and how far each account's are known, in PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from waystate.channels.model import TemplateReport
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.templates.model import Template, TemplateSync

_queries = load_queries(__file__)


class TemplateFilter(NamedTuple):
    """What a list is to show: a None filters nothing. `prefix` is of the name."""

    prefix: str | None = None
    language: str | None = None
    status: str | None = None
    category: str | None = None


async def lock_accounts(
    conn: Connection, tenant: TenantId, business_account_ids: Collection[str], now: datetime
) -> dict[str, TemplateSync]:
    """All of them; until the transaction ends nobody else writes a template of theirs. Those that are new here are due now."""
    wanted = sorted(set(business_account_ids))
    await _queries.add_accounts(conn, tenant_id=tenant, business_account_ids=wanted, due_at=now)
    rows = await _queries.lock_accounts(conn, tenant_id=tenant, business_account_ids=wanted)
    return {row["business_account_id"]: TemplateSync(**row) for row in rows}


async def list_syncs(conn: Connection, tenant: TenantId, business_account_ids: Collection[str]) -> dict[str, TemplateSync]:
    """Of those that anybody has asked for or told of."""
    rows = await _queries.list_syncs(conn, tenant_id=tenant, business_account_ids=sorted(set(business_account_ids)))
    return {row["business_account_id"]: TemplateSync(**row) for row in rows}


async def claim(
    conn: Connection,
    tenant: TenantId,
    business_account_id: str,
    *,
    now: datetime,
    due_at: datetime,
    due_by: datetime,
    asked_by: datetime,
) -> bool:
    """Whether the caller is to ask WhatsApp: of an account that was due by `due_by`, or asked for last by `asked_by`.

    It is due again at `due_at`, should the caller die.
    """
    await _queries.add_accounts(conn, tenant_id=tenant, business_account_ids=[business_account_id], due_at=now)
    claimed = await _queries.claim(
        conn,
        tenant_id=tenant,
        business_account_id=business_account_id,
        now=now,
        due_at=due_at,
        due_by=due_by,
        asked_by=asked_by,
    )
    return claimed is not None


async def note_synced(
    conn: Connection, tenant: TenantId, business_account_id: str, synced_at: datetime, due_at: datetime
) -> None:
    await _queries.note_synced(
        conn, tenant_id=tenant, business_account_id=business_account_id, synced_at=synced_at, due_at=due_at
    )


async def note_failed(
    conn: Connection, tenant: TenantId, business_account_id: str, error: JsonObject, asked_at: datetime, due_at: datetime
) -> None:
    await _queries.note_failed(
        conn, tenant_id=tenant, business_account_id=business_account_id, error=error, asked_at=asked_at, due_at=due_at
    )


async def note_due(conn: Connection, tenant: TenantId, business_account_ids: Collection[str], due_at: datetime) -> None:
    """They are listed again then at the latest."""
    await _queries.note_due(conn, tenant_id=tenant, business_account_ids=sorted(business_account_ids), due_at=due_at)


async def list_due(conn: Connection, now: datetime, batch: int) -> list[tuple[TenantId, str]]:
    """Whose accounts are to be listed, across tenants. In a transaction of role `waystate_work`."""
    rows = await _queries.list_due(conn, now=now, batch=batch)
    return [(TenantId(row["tenant_id"]), row["business_account_id"]) for row in rows]


async def list_of_account(conn: Connection, tenant: TenantId, business_account_id: str) -> list[Template]:
    rows = await _queries.list_of_account(conn, tenant_id=tenant, business_account_id=business_account_id)
    return [_template(row) for row in rows]


async def find_reported(conn: Connection, tenant: TenantId, reports: Iterable[TemplateReport]) -> list[Template]:
    """Whatever the reports may be about: more is found than they name, where accounts share names."""
    reports = list(reports)
    rows = await _queries.find_reported(
        conn,
        tenant_id=tenant,
        business_account_ids=sorted({each.business_account_id for each in reports}),
        external_ids=sorted({each.external_id for each in reports if each.external_id is not None}),
        names=sorted({each.name for each in reports if each.name is not None}),
    )
    return [_template(row) for row in rows]


async def find_many(
    conn: Connection, tenant: TenantId, business_account_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Template]:
    """Templates of an account by (name, language), of those that are known. A language may be written with `-` or `_`."""
    spelled = {(name, language.replace("-", "_")): (name, language) for name, language in keys}
    rows = await _queries.find_many(
        conn,
        tenant_id=tenant,
        business_account_id=business_account_id,
        names=[name for name, _ in spelled],
        languages=[language for _, language in spelled],
    )
    found = {each.key: each for each in map(_template, rows)}
    return {key: found[each] for key in keys if (each := (key[0], key[1].replace("-", "_"))) in found}


async def list_names(conn: Connection, tenant: TenantId, business_account_id: str) -> dict[str, list[str]]:
    """Name → languages of what an account has."""
    languages: dict[str, list[str]] = {}
    for row in await _queries.list_names(conn, tenant_id=tenant, business_account_id=business_account_id):
        languages.setdefault(row["name"], []).append(row["language"])
    return languages


async def get(conn: Connection, tenant: TenantId, template_id: UUID) -> Template:
    """By our id; `NotFound` where the tenant has none of it."""
    row = await _queries.find_template(conn, tenant_id=tenant, id=template_id)
    if row is None:
        raise unknown_template_id(template_id)
    return _template(row)


async def list_page(
    conn: Connection,
    tenant: TenantId,
    business_account_ids: Collection[str],
    wanted: TemplateFilter,
    *,
    before: UUID | None = None,
    batch: int = 100,
) -> list[Template]:
    """Newest first, from before an id."""
    rows = await _queries.list_page(
        conn,
        tenant_id=tenant,
        business_account_ids=sorted(business_account_ids),
        before=before,
        batch=batch,
        **wanted._asdict(),
    )
    return [_template(row) for row in rows]


async def upsert_many(conn: Connection, tenant: TenantId, templates: Sequence[Template]) -> None:
    """Under `lock_accounts`; each with the id that it has, or a new one."""
    await _queries.upsert_many(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in templates],
        business_account_ids=[each.business_account_id for each in templates],
        external_ids=[each.external_id for each in templates],
        names=[each.name for each in templates],
        languages=[each.language for each in templates],
        categories=[each.category for each in templates],
        category_at=[each.category_at for each in templates],
        statuses=[each.status for each in templates],
        reasons=[each.reason for each in templates],
        status_at=[each.status_at for each in templates],
        qualities=[each.quality for each in templates],
        quality_at=[each.quality_at for each in templates],
        parameter_formats=[each.parameter_format for each in templates],
        components=[None if each.components is None else dump(each.components) for each in templates],
        components_at=[each.components_at for each in templates],
        changed_at=[each.changed_at for each in templates],
        synced_at=[each.synced_at for each in templates],
    )


async def note_listed(conn: Connection, tenant: TenantId, ids: Sequence[UUID], synced_at: datetime) -> None:
    await _queries.note_listed(conn, tenant_id=tenant, ids=list(ids), synced_at=synced_at)


def unknown_template_id(template_id: UUID) -> NotFound:
    text = f"This tenant has no template with id {template_id}. List the templates to find the right id."
    return NotFound("unknown_template", text)


def _template(row: Record | Mapping[str, object]) -> Template:
    return Template(**row)
