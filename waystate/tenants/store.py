"""Tenants and their accounts in PostgreSQL; secrets are sealed on the way in and opened on the way out.

Whatever writes an account, an integration or a route runs in a transaction of role `waystate_work` with `app.tenant_id` set.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asyncpg import Record

from waystate.audit import store as audit_store
from waystate.cache.wires import announce
from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.errors import Conflict, NotFound
from waystate.events import outbox
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.tenants.model import (
    FormerWays,
    GenesysIntegration,
    GenesysLimits,
    Hold,
    MetaApp,
    NumberFacts,
    Route,
    RouteKind,
    Senders,
    Tenant,
    TenantStatus,
    Ways,
    WhatsAppAccount,
    WhatsAppLimits,
    changed_accounts,
    changed_integrations,
    check_active,
    check_ordinary,
    dump_stored,
    read_quotas,
    read_settings,
)
from waystate.vault.sealing import NO_TENANT, Vault, aad

_queries = load_queries(__file__)

CHANGES = "directory"
"""Topic of the feed: every process hears of a change of the directory when it commits, whoever made it."""
GLOBAL = TenantId(NO_TENANT)
"""Stands for the tenant in the AAD of a global table's secrets."""

_CLAIMED = {
    RouteKind.PHONE_NUMBER_ID: "Number {} belongs to another tenant. Correct the number's id, or remove it there first.",
    RouteKind.WABA: (
        "WhatsApp Business Account {} belongs to another tenant, and all its numbers are one tenant's. "
        "Correct the id, or remove its numbers there first."
    ),
    RouteKind.GENESYS_INTEGRATION: (
        "Genesys integration {} belongs to another tenant. Correct the id, or remove the integration there first."
    ),
}


async def upsert_many(conn: Connection, tenants: Iterable[Tenant]) -> list[TenantId]:
    """The ids of those that are new or changed. Their status stays."""
    return await _revised(conn, await _queries.upsert_tenants(conn, **_columns(tenants)))


async def insert_many(conn: Connection, tenants: Iterable[Tenant]) -> list[TenantId]:
    """The ids of those that are new."""
    return await _revised(conn, await _queries.insert_tenants(conn, **_columns(tenants)))


async def change_status(conn: Connection, ids: Sequence[TenantId], status: TenantStatus) -> list[TenantId]:
    """Those that had another status; every process knows within a second of the commit."""
    return await _revised(conn, await _queries.change_status(conn, ids=sorted(ids), status=status))


async def find_statuses(conn: Connection, ids: Sequence[TenantId]) -> dict[TenantId, TenantStatus]:
    """Without those that are being deleted."""
    rows = await _queries.find_statuses(conn, ids=list(ids))
    return {TenantId(row["id"]): TenantStatus(row["status"]) for row in rows}


async def check_open(conn: Connection, tenant_id: TenantId) -> None:
    """For a login: `Forbidden` when the tenant is suspended, `NotFound` when there is none."""
    status = (await find_statuses(conn, [tenant_id])).get(tenant_id)
    if status is None:
        raise unknown_tenant(tenant_id)
    check_active(status)


async def find_many(conn: Connection, ids: Sequence[TenantId]) -> dict[TenantId, Tenant]:
    rows = await _queries.find_tenants(conn, ids=list(ids))
    return {TenantId(row["id"]): _tenant(row) for row in rows}


async def get(conn: Connection, tenant_id: TenantId) -> Tenant:
    tenant = (await find_many(conn, [tenant_id])).get(tenant_id)
    if tenant is None or tenant.status is TenantStatus.DELETING:
        raise unknown_tenant(tenant_id)
    return tenant


async def get_locked(conn: Connection, tenant_id: TenantId) -> Tenant:
    """To change what it says: two that do so at once take turns."""
    await _lock(conn, tenant_id)
    return await get(conn, tenant_id)


async def list_page(
    conn: Connection, *, after: TenantId | None = None, page: int = 100, with_deleting: bool = False
) -> list[Tenant]:
    """By id, from the one behind `after`."""
    rows = await _queries.list_tenants(conn, after=after, page=page, with_deleting=with_deleting)
    return [_tenant(row) for row in rows]


def unknown_tenant(tenant_id: TenantId) -> NotFound:
    return NotFound("unknown_tenant", f"There is no tenant '{tenant_id}'. Correct the id, or create the tenant first.")


async def find_meta_apps(conn: Connection, vault: Vault, ids: Sequence[str]) -> dict[str, MetaApp]:
    rows = await _queries.find_meta_apps(conn, ids=list(ids))
    return {row["id"]: _meta_app(vault, row) for row in rows}


async def list_meta_apps(conn: Connection) -> list[str]:
    """Their ids."""
    return [row["id"] for row in await _queries.list_meta_apps(conn)]


async def upsert_meta_apps(conn: Connection, vault: Vault, apps: Iterable[MetaApp]) -> list[str]:
    """The ids of those that are new or changed."""
    wanted = {each.id: each for each in apps}
    known = await find_meta_apps(conn, vault, list(wanted))
    rows = [each for key, each in sorted(wanted.items()) if known.get(key) != each]
    if rows:
        await _queries.upsert_meta_apps(
            conn,
            ids=[row.id for row in rows],
            app_secrets=_seal_many(vault, GLOBAL, "meta_apps", "app_secret", {row.id: row.app_secret for row in rows}),
            verify_tokens=_seal_many(vault, GLOBAL, "meta_apps", "verify_token", {row.id: row.verify_token for row in rows}),
        )
        await raise_revision(conn)
    return [row.id for row in rows]


async def integrations_of(conn: Connection, vault: Vault, tenant_id: TenantId) -> list[GenesysIntegration]:
    return [_integration(vault, tenant_id, row) for row in await _queries.list_integrations(conn, tenant_id=tenant_id)]


async def upsert_integrations(
    conn: Connection, vault: Vault, tenant_id: TenantId, integrations: Iterable[GenesysIntegration]
) -> list[GenesysIntegration]:
    """All integrations of the tenant afterwards, with the ids they have; their routes are written too."""
    await _lock(conn, tenant_id)
    rows = changed_integrations(await integrations_of(conn, vault, tenant_id), integrations)
    if rows:
        async with _with_what_follows(conn, tenant_id):
            await _write_integrations(conn, vault, tenant_id, rows)
    return await integrations_of(conn, vault, tenant_id)


async def remove_integrations(conn: Connection, tenant_id: TenantId, integration_ids: Sequence[str]) -> list[str]:
    """Those that were there. Their routes become free for another tenant."""
    await _lock(conn, tenant_id)
    async with _with_what_follows(conn, tenant_id):
        removed = await _queries.remove_integrations(conn, tenant_id=tenant_id, integration_ids=list(integration_ids))
    return [row["integration_id"] for row in removed]


async def accounts_of(conn: Connection, vault: Vault, tenant_id: TenantId) -> list[WhatsAppAccount]:
    return [_account(vault, tenant_id, row) for row in await _queries.list_accounts(conn, tenant_id=tenant_id)]


async def upsert_accounts(
    conn: Connection, vault: Vault, tenant_id: TenantId, accounts: Sequence[WhatsAppAccount]
) -> list[WhatsAppAccount]:
    """All accounts of the tenant afterwards, with the ids they have; their routes are written too."""
    await _lock(conn, tenant_id)
    await _check_references(conn, tenant_id, accounts)
    rows = changed_accounts(await accounts_of(conn, vault, tenant_id), accounts)
    if rows:
        async with _with_what_follows(conn, tenant_id):
            await _queries.vacate_accounts(conn, tenant_id=tenant_id, ids=[row.id for row in rows])
            await _write_accounts(conn, vault, tenant_id, rows)
    return await accounts_of(conn, vault, tenant_id)


async def remove_accounts(conn: Connection, tenant_id: TenantId, phone_number_ids: Sequence[str]) -> list[str]:
    """Those that were there. Their routes become free for another tenant; conversations and messages stay."""
    await _lock(conn, tenant_id)
    async with _with_what_follows(conn, tenant_id):
        removed = await _queries.remove_accounts(conn, tenant_id=tenant_id, phone_number_ids=list(phone_number_ids))
    return [row["phone_number_id"] for row in removed]


async def list_numbers_of(conn: Connection, tenant_id: TenantId, integration_id: str) -> list[str]:
    """Phone number ids that the integration serves, by Genesys' id of it; the tenant is locked."""
    await _lock(conn, tenant_id)
    rows = await _queries.list_numbers_of(conn, tenant_id=tenant_id, integration_id=integration_id)
    return [row["phone_number_id"] for row in rows]


async def find_senders(conn: Connection, tenant_id: TenantId, phone_number_id: str) -> Senders | None:
    """None: the number is not the tenant's."""
    row = await _queries.find_senders(conn, tenant_id=tenant_id, phone_number_id=phone_number_id)
    return None if row is None else Senders(**row)


async def former_ways_of(conn: Connection, tenant_id: TenantId) -> dict[str, list[FormerWays]]:
    """By phone number id, of numbers that the tenant has or had; oldest change first."""
    former: dict[str, list[FormerWays]] = {}
    for row in await _queries.list_former_ways(conn, tenant_id=tenant_id):
        ways = FormerWays(row["until"], Ways(row["to_whatsapp"], row["to_genesys"]))
        former.setdefault(row["phone_number_id"], []).append(ways)
    return former


async def hold_accounts(conn: Connection, tenant_id: TenantId, holds: Sequence[Hold]) -> list[Hold]:
    """Those that are new. One a number."""
    rows = await _queries.hold_accounts(
        conn,
        tenant_id=tenant_id,
        phone_number_ids=[each.phone_number_id for each in holds],
        since=[each.since for each in holds],
        kinds=[each.kind for each in holds],
        told_by=[each.told_by for each in holds],
        errors=[dump(each.error) for each in holds],
    )
    new = {row["phone_number_id"] for row in rows}
    return [each for each in holds if each.phone_number_id in new]


async def release_accounts(
    conn: Connection, tenant_id: TenantId, phone_number_ids: Sequence[str], told_by: Sequence[str]
) -> list[Hold]:
    """The holds that ended, of those that were told so."""
    rows = await _queries.release_accounts(
        conn, tenant_id=tenant_id, phone_number_ids=list(phone_number_ids), told_by=list(told_by)
    )
    return [Hold(**row) for row in rows]


async def list_holds(conn: Connection, tenant_id: TenantId) -> list[Hold]:
    return [Hold(**row) for row in await _queries.list_holds(conn, tenant_id=tenant_id)]


async def note_facts(conn: Connection, tenant_id: TenantId, facts: Sequence[NumberFacts]) -> None:
    """One after the other, in one order: several may be of the same number. Of what the tenant has not, nothing is kept."""
    for each in sorted(facts, key=lambda one: one.phone_number_id):
        await _queries.note_facts(conn, tenant_id=tenant_id, **each._asdict())


async def list_facts(conn: Connection, tenant_id: TenantId) -> dict[str, NumberFacts]:
    """By number, of those that WhatsApp said anything of."""
    rows = [NumberFacts(**row) for row in await _queries.list_facts(conn, tenant_id=tenant_id)]
    return {each.phone_number_id: each for each in rows}


async def count_held(conn: Connection) -> dict[str, int]:
    """Held numbers of all tenants, by the kind of the refusal."""
    return {row["kind"]: row["items"] for row in await _queries.count_held(conn)}


async def routes_of(conn: Connection, kind: RouteKind, external_ids: Sequence[str]) -> dict[str, Route]:
    rows = await _queries.find_routes(conn, kind=kind, external_ids=list(external_ids))
    return {row["external_id"]: Route(TenantId(row["tenant_id"]), row["account_id"], row["revision"]) for row in rows}


async def get_revision(conn: Connection) -> int:
    """The directory's: raised by each change of tenants, accounts, integrations, routes and Meta apps, in the order of commits.

    A process that finds the revision it knows may trust all that it has read of the directory since.
    """
    return int(await _queries.get_revision(conn))


async def find_tenant_revision(conn: Connection, tenant_id: TenantId) -> int | None:
    """The directory's when the tenant's configuration was changed last; None: there is no such tenant any more."""
    revision: int | None = await _queries.find_tenant_revision(conn, tenant_id=tenant_id)
    return revision


async def hold_revision(conn: Connection) -> int:
    """Nobody changes the directory until this transaction ends."""
    return int(await _queries.hold_revision(conn))


async def raise_revision(conn: Connection) -> None:
    """In the transaction of the change, with the tenants' rows locked before."""
    revision = await _queries.raise_revision(conn)
    await announce(conn, CHANGES, str(revision))


async def _lock(conn: Connection, tenant_id: TenantId) -> None:
    check_ordinary(tenant_id)
    if await _queries.lock_tenant(conn, tenant_id=tenant_id) is None:
        raise unknown_tenant(tenant_id)


async def _check_references(conn: Connection, tenant_id: TenantId, accounts: Sequence[WhatsAppAccount]) -> None:
    wanted_apps = {each.meta_app_id for each in accounts}
    known_apps = {row["id"] for row in await _queries.find_meta_apps(conn, ids=sorted(wanted_apps))}
    if missing := sorted(wanted_apps - known_apps):
        raise NotFound("unknown_meta_app", f"There is no Meta app {missing[0]}. Set up the app with its secret first.")
    wanted = {each.genesys_integration_id for each in accounts if each.genesys_integration_id is not None}
    known = {row["id"] for row in await _queries.list_integrations(conn, tenant_id=tenant_id)}
    if unknown := sorted(wanted - known):
        raise NotFound(
            "unknown_integration", f"This tenant has no Genesys integration with id {unknown[0]}. Set up the integration first."
        )


async def _revised(conn: Connection, rows: Iterable[Record]) -> list[TenantId]:
    ids = [TenantId(row["id"]) for row in rows]
    if ids:
        await raise_revision(conn)
        await _queries.note_revised(conn, ids=ids)
    return ids


async def _settle_routes(conn: Connection, tenant_id: TenantId) -> None:
    """Make the tenant's routes those of its accounts and integrations, and work the webhooks that lacked them."""
    await raise_revision(conn)
    await _queries.note_revised(conn, ids=[tenant_id])
    await _queries.prune_routes(conn, tenant_id=tenant_id)
    await _queries.claim_routes(conn, tenant_id=tenant_id)
    foreign = await _queries.find_foreign_route(conn, tenant_id=tenant_id)
    if foreign is not None:
        raise Conflict("route_taken", _CLAIMED[RouteKind(foreign["kind"])].format(foreign["external_id"]))
    keys = [row["key"] for row in await _queries.list_route_keys(conn, tenant_id=tenant_id)]
    await ledger_store.replay_unrouted(conn, keys)


@asynccontextmanager
async def _with_what_follows(conn: Connection, tenant_id: TenantId) -> AsyncIterator[None]:
    """Around every change of a tenant's numbers and integrations: its routes follow, and what it was before stays known."""
    before = await _ways_of(conn, tenant_id)
    yield
    await _settle_routes(conn, tenant_id)
    await _keep_ways(conn, tenant_id, before)


async def _ways_of(conn: Connection, tenant_id: TenantId) -> dict[str, Ways]:
    rows = await _queries.list_ways(conn, tenant_id=tenant_id)
    return {row["phone_number_id"]: Ways(row["to_whatsapp"], row["to_genesys"]) for row in rows}


async def _keep_ways(conn: Connection, tenant_id: TenantId, before: Mapping[str, Ways]) -> None:
    """What is committed already and not passed on yet is judged by what Waystate sent for its number then."""
    after = await _ways_of(conn, tenant_id)
    changed = {number: ways for number, ways in before.items() if after.get(number) != ways}
    if changed:
        # Before the outbox's lock, as who replays takes them; the entry about this change comes later.
        await audit_store.take_turn(conn, tenant_id)
        await _queries.insert_former_ways(
            conn,
            tenant_id=tenant_id,
            until=await outbox.hold_head(conn, tenant_id),
            phone_number_ids=list(changed),
            to_whatsapp=[ways.to_whatsapp for ways in changed.values()],
            to_genesys=[ways.to_genesys for ways in changed.values()],
        )


async def _write_integrations(conn: Connection, vault: Vault, tenant_id: TenantId, rows: Sequence[GenesysIntegration]) -> None:
    table = "genesys_integrations"
    told = {row.id: row.event_secret for row in rows if row.event_secret is not None}
    event_secrets = dict(zip(told, _seal_many(vault, tenant_id, table, "event_secret", told), strict=True))
    await _queries.upsert_integrations(
        conn,
        tenant_id=tenant_id,
        ids=[row.id for row in rows],
        integration_ids=[row.integration_id for row in rows],
        regions=[row.region for row in rows],
        api_urls=[row.api_url for row in rows],
        login_urls=[row.login_url for row in rows],
        client_ids=[row.client_id for row in rows],
        client_secrets=_seal_many(vault, tenant_id, table, "client_secret", {row.id: row.client_secret for row in rows}),
        webhook_secrets=_seal_many(vault, tenant_id, table, "webhook_secret", {row.id: row.webhook_secret for row in rows}),
        event_secrets=[event_secrets.get(row.id) for row in rows],
        limits=[dump_stored(row.limits) for row in rows],
        senders=[row.sender for row in rows],
        receipts=[row.receipts for row in rows],
        prefetches=[row.prefetch_conversation_id for row in rows],
    )


async def _write_accounts(conn: Connection, vault: Vault, tenant_id: TenantId, rows: Sequence[WhatsAppAccount]) -> None:
    table = "whatsapp_accounts"
    await _queries.upsert_accounts(
        conn,
        tenant_id=tenant_id,
        ids=[row.id for row in rows],
        phone_number_ids=[row.phone_number_id for row in rows],
        display_phone_numbers=[row.display_phone_number for row in rows],
        business_account_ids=[row.business_account_id for row in rows],
        meta_app_ids=[row.meta_app_id for row in rows],
        api_urls=[row.api_url for row in rows],
        access_tokens=_seal_many(vault, tenant_id, table, "access_token", {row.id: row.access_token for row in rows}),
        limits=[dump_stored(row.limits) for row in rows],
        genesys_integration_ids=[row.genesys_integration_id for row in rows],
        senders=[row.sender for row in rows],
        defaults=[row.is_default for row in rows],
        actives=[row.is_active for row in rows],
    )


def _columns(tenants: Iterable[Tenant]) -> dict[str, list[Any]]:
    rows = [row for _, row in sorted({each.id: each for each in tenants}.items())]
    for row in rows:
        check_ordinary(row.id)
    return {
        "ids": [row.id for row in rows],
        "names": [row.name for row in rows],
        "settings": [dump_stored(row.settings) for row in rows],
        "quotas": [dump_stored(row.quotas) for row in rows],
    }


# A row was checked when it was written; a rule that came later must not take a running tenant down.
def _tenant(row: Record) -> Tenant:
    settings, quotas = read_settings(row["settings"]), read_quotas(row["quotas"])
    return Tenant.model_construct(
        id=row["id"], name=row["name"], status=TenantStatus(row["status"]), settings=settings, quotas=quotas
    )


def _meta_app(vault: Vault, row: Record) -> MetaApp:
    return MetaApp.model_construct(**{**row, **_opened(vault, GLOBAL, "meta_apps", row, "app_secret", "verify_token")})


def _integration(vault: Vault, tenant_id: TenantId, row: Record) -> GenesysIntegration:
    named = ["client_secret", "webhook_secret", *(["event_secret"] if row["event_secret"] is not None else [])]
    secrets = _opened(vault, tenant_id, "genesys_integrations", row, *named)
    limits = GenesysLimits.model_validate(row["limits"], extra="ignore")
    return GenesysIntegration.model_construct(**{**row, **secrets, "limits": limits})


def _account(vault: Vault, tenant_id: TenantId, row: Record) -> WhatsAppAccount:
    secrets = _opened(vault, tenant_id, "whatsapp_accounts", row, "access_token")
    limits = WhatsAppLimits.model_validate(row["limits"], extra="ignore")
    return WhatsAppAccount.model_construct(**{**row, **secrets, "limits": limits})


def _seal_many(vault: Vault, tenant_id: TenantId, table: str, column: str, values: Mapping[Any, str]) -> list[bytes]:
    """`values` by row id."""
    return [vault.seal(value, aad=aad(tenant_id, table, column, str(row))) for row, value in values.items()]


def _opened(vault: Vault, tenant_id: TenantId, table: str, row: Record, *columns: str) -> dict[str, str]:
    return {column: vault.open(row[column], aad=aad(tenant_id, table, column, str(row["id"]))) for column in columns}
