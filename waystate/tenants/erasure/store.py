"""What is left of a tenant, taken out in batches. Each function runs in a transaction of role `waystate_work`."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from waystate.clock import iso
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject
from waystate.errors import Conflict
from waystate.ids import TenantId
from waystate.tenants.store import raise_revision, unknown_tenant

_queries = load_queries(__file__)

BY_BATCH = {
    "sink_cursors": _queries.erase_sink_cursors,
    "delivery_attempts": _queries.erase_delivery_attempts,
    "deliveries": _queries.erase_deliveries,
    "events": _queries.erase_events,
    "message_events": _queries.erase_message_events,
    "messages": _queries.erase_messages,
    "message_versions": _queries.erase_message_versions,
    "message_reactions": _queries.erase_message_reactions,
    "business_reactions": _queries.erase_business_reactions,
    "awaited_messages": _queries.erase_awaited_messages,
    "message_keys": _queries.erase_message_keys,
    "early_statuses": _queries.erase_early_statuses,
    "dead_letters": _queries.erase_dead_letters,
    "media_uploads": _queries.erase_media_uploads,
    "media_files": _queries.erase_media_files,
    "media_usage": _queries.erase_media_usage,
    "planned_messages": _queries.erase_planned_messages,
    "offers": _queries.erase_offers,
    "genesys_checks": _queries.erase_genesys_checks,
    "conversation_reads": _queries.erase_conversation_reads,
    "conversation_participants": _queries.erase_conversation_participants,
    "conversation_notes": _queries.erase_conversation_notes,
    "conversation_words": _queries.erase_conversation_words,
    "conversation_index": _queries.erase_conversation_index,
    "conversation_index_wanted": _queries.erase_conversation_index_wanted,
    "conversation_log": _queries.erase_conversation_log,
    "conversation_tags": _queries.erase_conversation_tags,
    "conversations": _queries.erase_conversations,
    "replies": _queries.erase_replies,
    "queue_members": _queries.erase_queue_members,
    "queues": _queries.erase_queues,
    "schedule_versions": _queries.erase_schedule_versions,
    "schedules": _queries.erase_schedules,
    "contact_merges": _queries.erase_contact_merges,
    "contact_identities": _queries.erase_contact_identities,
    "phone_replies": _queries.erase_phone_replies,
    "preferences": _queries.erase_preferences,
    "contact_tags": _queries.erase_contact_tags,
    "contact_likeness": _queries.erase_contact_likeness,
    "contact_index_wanted": _queries.erase_contact_index_wanted,
    "contact_index": _queries.erase_contact_index,
    "group_participants": _queries.erase_group_participants,
    "groups": _queries.erase_groups,
    "contacts": _queries.erase_contacts,
    "idempotency_keys": _queries.erase_idempotency_keys,
    "templates": _queries.erase_templates,
    "template_syncs": _queries.erase_template_syncs,
    "account_holds": _queries.erase_account_holds,
    "account_facts": _queries.erase_account_facts,
    "account_events": _queries.erase_account_events,
    "whatsapp_accounts": _queries.erase_whatsapp_accounts,
    "genesys_integrations": _queries.erase_genesys_integrations,
    "identity_providers": _queries.erase_identity_providers,
    "api_keys": _queries.erase_api_keys,
    "sessions": _queries.erase_sessions,
}
"""Tables of a tenant, what refers to another before that other. `memberships` go with their people."""
WITH_THE_TENANT = frozenset({"audit_log", "routes", "former_accounts"})
"""They go by a foreign key; the audit log is short beside messages, and the application may delete nothing of it."""
TABLES = (*BY_BATCH, "memberships")


class Deletion(NamedTuple):
    """`rows` went so far, by table. `is_begun` now: it was not before."""

    rows: dict[str, int]
    is_begun: bool


async def find_deletion(conn: Connection, tenant_id: TenantId) -> Deletion | None:
    """Under the tenant's lock. None: there is no such tenant."""
    row = await _queries.lock_tenant(conn, tenant_id=tenant_id)
    if row is None:
        return None
    return Deletion({}, False) if row["deletion"] is None else Deletion(dict(row["deletion"]["rows"]), True)


async def begin(conn: Connection, tenant_id: TenantId, now: datetime) -> bool:
    """Whether it began just now. From the commit on the tenant is gone for everybody, and its routes are free."""
    row = await _queries.lock_tenant(conn, tenant_id=tenant_id)
    if row is None:
        raise unknown_tenant(tenant_id)
    if row["deletion"] is not None:
        return False
    if row["status"] != "suspended":
        raise Conflict("tenant_active", f"Tenant '{tenant_id}' is active. Suspend it first; then it can be deleted.")
    deletion: JsonObject = {"begun_at": iso(now), "rows": {}}
    await _queries.begin_deletion(conn, tenant_id=tenant_id, deletion=deletion)
    await _queries.free_routes(conn, tenant_id=tenant_id)
    await raise_revision(conn)
    return True


async def erase(conn: Connection, tenant_id: TenantId, table: str, batch: int) -> dict[str, int]:
    """One batch of a table, of the tenant that the transaction is of; how many rows went, by table."""
    if table == "memberships":
        return await _erase_people(conn, tenant_id, batch)
    return {table: _count(await BY_BATCH[table](conn, tenant_id=tenant_id, batch=batch))}


async def note_progress(conn: Connection, tenant_id: TenantId, rows: Mapping[str, int]) -> None:
    await _queries.note_progress(conn, tenant_id=tenant_id, rows=dict(rows))


async def delete(conn: Connection, tenant_id: TenantId) -> bool:
    """The tenant itself, and what was written while its rows went; whether it was there."""
    return _count(await _queries.delete_tenant(conn, tenant_id=tenant_id)) == 1


async def _erase_people(conn: Connection, tenant_id: TenantId, batch: int) -> dict[str, int]:
    people = [row["id"] for row in await _queries.lock_people(conn, tenant_id=tenant_id, batch=batch)]
    if not people:
        return {"memberships": 0}
    memberships = _count(await _queries.erase_memberships(conn, tenant_id=tenant_id, user_ids=people))
    return {"memberships": memberships, "users": _count(await _queries.erase_users(conn, user_ids=people))}


def _count(tag: str) -> int:
    """Of a command tag such as `DELETE 3`."""
    return int(tag.rpartition(" ")[2])
