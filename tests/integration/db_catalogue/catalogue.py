"""What PostgreSQL's own catalogue says against the rules for tenants' tables. Each finding is a sentence; none is good."""

import re
from typing import Any

import asyncpg

from waystate.db.roles import APP, INGEST, OWNER, SWEEPER, WORK

GLOBAL_TABLES = {
    "tenants",
    "directory",
    "meta_apps",
    "routes",
    "webhook_ledger",
    "users",
    "memberships",
    "leases",
    "lease_members",
    "timers",
    "absences",
    "installation",
    "alembic_version",
}
"""No tenant's own, so not fenced by a tenant_id (the model, "Tables"); `tenants` and `routes` are by role."""
WHOLE = {
    "tenants": {"id", "name", "settings", "quotas", "created_at", "status", "deletion", "revision"},
    "routes": {"kind", "external_id", "tenant_id", "account_id", "revision"},
}
SHOWN = {
    (APP, "tenants"): {"SELECT": WHOLE["tenants"] - {"created_at"}},
    (WORK, "tenants"): dict.fromkeys(("SELECT", "INSERT", "UPDATE"), WHOLE["tenants"]),
    (INGEST, "routes"): {"SELECT": WHOLE["routes"]},
    (WORK, "routes"): dict.fromkeys(("SELECT", "INSERT"), WHOLE["routes"]),
}
"""What a runtime role may do with which columns of the tables that say whose everything is."""
MAY_DELETE = {(WORK, "tenants"), (WORK, "routes")}
DEFINER_FUNCTIONS = {
    *("due_work(text,timestamp with time zone)", "due_waits(text,timestamp with time zone)"),
    *("tenants_with_agents()", "open_dead_letters()", "template_syncs_due()", "numbers_held()"),
    *("media_due(text,timestamp with time zone)", "find_contacts_by_words(text,integer)", "contact_index_due()"),
    *("waiting_for_genesys()", "list_colleagues(uuid[])"),
    *("find_conversations_by_words(text,integer)", "conversation_index_due()"),
}
LEADING = {"tenant_id", "(ARRAY[tenant_id])"}
"""What an index begins with; one of words is entered by both at once, in the array that GIN takes."""
RUNTIME_ROLES = (APP, INGEST, WORK, SWEEPER)
ISOLATION = "tenant_id=nullifcurrent_setting'app.tenant_id'true''"
SWEPT = {
    "events": {"tenant_id", "position", "at"},
    "sink_cursors": {"tenant_id", "sink", "position"},
    "deliveries": {"tenant_id", "state", "next_attempt_at", "hold_until", "created_at", "account", "target"},
    "conversations": {
        "tenant_id",
        "status",
        "expires_hour",
        "expires_at",
        "window_hour",
        "window_from",
        "window_told",
        "controller",
        "assigned_user_id",
    },
    # Words are read by the one function that an index of words serves; it asks for the tenant that is set.
    "contact_index": {"tenant_id", "contact_id", "words"},
    "contact_index_wanted": {"tenant_id"},
    "conversation_words": {"tenant_id", "conversation_id", "words"},
    "conversation_index_wanted": {"tenant_id"},
    "planned_messages": {"tenant_id", "state", "due_at", "expires_at"},
    "early_statuses": {"tenant_id", "received_at", "watch"},
    "dead_letters": {"tenant_id", "reason", "status"},
    "account_holds": {"tenant_id", "kind"},
    "template_syncs": {"tenant_id", "business_account_id", "due_at"},
    "media_files": {"tenant_id", "direction", "state", "due_at"},
    # Names of people are read by the one function that asks for the tenant that is set.
    "users": {"id", "name", "status"},
    "memberships": {"tenant_id", "user_id", "role", "invitation_hash"},
}
"""What the sweeper may read across tenants: keys and due times."""

Connection = asyncpg.Connection

TABLES = """
    SELECT c.oid, c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, r.rolname AS owner,
        coalesce(p.relname, c.relname) AS root,
        (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
            AS tenant_not_null
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname"""
POLICIES = """
    SELECT p.polname AS name, p.polpermissive AS permissive, p.polcmd::text AS command,
        coalesce((SELECT array_agg(r.rolname) FROM pg_roles r WHERE r.oid = ANY(p.polroles)), '{}') AS roles,
        pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check
    FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polname"""
INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, i.indisprimary AS is_primary,
        pg_get_indexdef(i.indexrelid, 1, true) AS leading
    FROM pg_index i WHERE i.indrelid = $1"""
FOREIGN_KEYS = """
    SELECT c.conname AS name, f.relname AS target,
        (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]) AS own,
        (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attnum = c.confkey[1]) AS foreign
    FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid WHERE c.contype = 'f' AND c.conrelid = $1"""

COLUMN_GRANTS = """
    SELECT g.grantee, g.table_name AS table, g.privilege_type AS privilege, g.column_name AS column
    FROM information_schema.column_privileges g
    WHERE g.table_schema = 'public' AND g.grantee = ANY($1) AND g.table_name = ANY($2)"""
DELETE_GRANTS = """
    SELECT g.grantee, g.table_name AS table FROM information_schema.table_privileges g WHERE g.table_schema = 'public'
        AND g.grantee = ANY($1) AND g.table_name = ANY($2) AND g.privilege_type IN ('DELETE', 'TRUNCATE')"""


async def tenant_tables(conn: Connection, *, partitions: bool = True) -> list[str]:
    rows = await conn.fetch(TABLES)
    return [row["name"] for row in rows if row["root"] not in GLOBAL_TABLES and (partitions or row["root"] == row["name"])]


async def findings(conn: Connection) -> list[str]:
    found = []
    for table in await conn.fetch(TABLES):
        if table["root"] not in GLOBAL_TABLES:
            found += _of_table(table)
            found += _of_policies(table["root"], table["name"], await conn.fetch(POLICIES, table["oid"]))
            found += _of_indexes(table["name"], await conn.fetch(INDEXES, table["oid"]))
            found += _of_foreign_keys(table["name"], await conn.fetch(FOREIGN_KEYS, table["oid"]))
    found += await _of_views(conn) + await _of_functions(conn) + await _of_roles(conn) + await _of_grants(conn)
    return found + await _of_whose(conn)


def _of_table(table: Any) -> list[str]:
    found = []
    if table["tenant_not_null"] is None:
        return [f"{table['name']} has no tenant_id and is not on the list of global tables"]
    if not table["tenant_not_null"]:
        found.append(f"{table['name']}.tenant_id may be null")
    if not (table["enabled"] and table["forced"]):
        found.append(f"{table['name']}: row-level security is not both enabled and forced")
    if table["owner"] != OWNER:
        found.append(f"{table['name']} belongs to {table['owner']}")
    return found


def _of_policies(root: str, table: str, policies: list[Any]) -> list[str]:
    found = []
    general = [each for each in policies if not each["roles"]]
    if len(general) != 1:
        found.append(f"{table} has {len(general)} policies for everybody; permissive ones add up, so one is right")
    for each in general:
        if not each["permissive"] or each["command"] != "*":
            found.append(f"{table}: policy {each['name']} is not one for all commands")
        found += [
            f"{table}: policy {each['name']} says {side} {each[key]}"
            for side, key in (("USING", "using"), ("WITH CHECK", "check"))
            if _bare(each[key]) != ISOLATION
        ]
    for each in policies:
        if each["roles"] and (each["roles"] != [SWEEPER] or each["command"] != "r" or root not in SWEPT):
            found.append(f"{table}: policy {each['name']} opens it to {', '.join(each['roles'])}")
    return found


def _of_indexes(table: str, indexes: list[Any]) -> list[str]:
    found = [f"{table}: index {each['name']} is led by {each['leading']}" for each in indexes if each["leading"] not in LEADING]
    if not any(each["is_primary"] for each in indexes):
        found.append(f"{table} has no primary key")
    return found


def _of_foreign_keys(table: str, keys: list[Any]) -> list[str]:
    return [
        f"{table}: foreign key {each['name']} to {each['target']} does not start with tenant_id"
        for each in keys
        if each["target"] not in GLOBAL_TABLES and (each["own"], each["foreign"]) != ("tenant_id", "tenant_id")
    ]


async def _of_views(conn: Connection) -> list[str]:
    rows = await conn.fetch(
        "SELECT relname AS name, relkind::text AS kind, coalesce('security_invoker=true' = ANY(reloptions), false) AS invoker"
        " FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
    )
    return [f"view {row['name']} shows all tenants" for row in rows if row["kind"] == "m" or not row["invoker"]]


async def _of_functions(conn: Connection) -> list[str]:
    rows = await conn.fetch(
        "SELECT p.oid::regprocedure::text AS name, r.rolname AS owner, p.prosecdef AS is_definer,"
        " coalesce((SELECT true FROM unnest(p.proconfig) AS c WHERE c LIKE 'search\\_path=%'), false) AS is_pinned,"
        " has_function_privilege('public', p.oid, 'EXECUTE') AS is_public"
        " FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'public'::regnamespace"
    )
    found = []
    for row in rows:
        if not row["is_definer"]:
            continue
        if row["name"] not in DEFINER_FUNCTIONS:
            found.append(f"{row['name']} is SECURITY DEFINER and not on the list")
        if not row["is_pinned"]:
            found.append(f"{row['name']} has no pinned search_path")
        if row["owner"] != SWEEPER or row["is_public"]:
            found.append(f"{row['name']} belongs to {row['owner']}, and everybody may call it: {row['is_public']}")
    return found


async def _of_roles(conn: Connection) -> list[str]:
    """Becoming one of the roles is what a login may do; being more than that is what no role may."""
    rows = await conn.fetch(
        "SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls OR r.rolcreaterole AS is_mighty,"
        " pg_has_role(r.oid, $2, 'MEMBER') AS can_own,"
        " EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace) AS owns"
        " FROM pg_roles r WHERE r.rolname = ANY($1)",
        list(RUNTIME_ROLES),
        OWNER,
    )
    return [f"role {row['name']} may too much" for row in rows if row["is_mighty"] or row["can_own"] or row["owns"]]


async def _of_grants(conn: Connection) -> list[str]:
    """Partitions are reached through their parents only; the sweeper sees keys and due times; ingest sees no tenant's table."""
    rows = await conn.fetch(
        "SELECT g.grantee, g.table_name AS table, g.privilege_type AS privilege, g.column_name AS column,"
        " EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = g.table_name::regclass) AS is_partition"
        " FROM information_schema.column_privileges g WHERE g.table_schema = 'public' AND g.grantee = ANY($1)",
        [*RUNTIME_ROLES, "PUBLIC"],
    )
    found = []
    for row in rows:
        is_tenants = row["table"] not in GLOBAL_TABLES
        is_swept = row["privilege"] == "SELECT" and row["column"] in SWEPT.get(row["table"], set())
        if row["grantee"] == SWEEPER and not is_swept:
            found.append(f"the sweeper may {row['privilege']} {row['table']}.{row['column']}")
        if row["is_partition"] or (row["grantee"] in (INGEST, "PUBLIC") and is_tenants):
            found.append(f"{row['grantee']} may {row['privilege']} {row['table']}")
    return found


async def _of_whose(conn: Connection) -> list[str]:
    """Of the tables that say whose everything is, each role sees what it needs: these columns, and rows by its policy."""
    found = [
        f"{row['relname']}: row-level security is not enabled"
        for row in await conn.fetch("SELECT relname, relrowsecurity FROM pg_class WHERE relname = ANY($1)", list(WHOLE))
        if not row["relrowsecurity"]
    ]
    columns: dict[tuple[str, str], dict[str, set[str]]] = {}
    for row in await conn.fetch(COLUMN_GRANTS, [*RUNTIME_ROLES, "PUBLIC"], list(WHOLE)):
        columns.setdefault((row["grantee"], row["table"]), {}).setdefault(row["privilege"], set()).add(row["column"])
    found += [
        f"{grantee} may of {table}: {may}" for (grantee, table), may in columns.items() if SHOWN.get((grantee, table)) != may
    ]
    found += [f"{grantee} may not {SHOWN[grantee, table]} of {table}" for grantee, table in SHOWN.keys() - columns.keys()]
    deletes = {
        (row["grantee"], row["table"]) for row in await conn.fetch(DELETE_GRANTS, [*RUNTIME_ROLES, "PUBLIC"], list(WHOLE))
    }
    return found + [f"{grantee} may or may not delete {table}" for grantee, table in deletes ^ MAY_DELETE]


def _bare(expression: str | None) -> str:
    return re.sub(r"::text|[()\s,]", "", (expression or "nothing").lower())
