"""T1: every table of a tenant is fenced in the catalogue itself, partitions too; and the check finds what is planted."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.db_catalogue.catalogue import Connection, findings, tenant_tables
from tests.world import START
from waystate.clock import utc_now
from waystate.db import partitions
from waystate.db.pool import Database


@pytest.fixture
async def catalogue(db: Database, database_url: str) -> AsyncIterator[Connection]:
    """As a superuser, after the partitions of today were made."""
    async with db.owner() as conn:
        await partitions.make_ahead(conn, utc_now())
        await partitions.make_ahead(conn, START)
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_every_tenants_table_is_fenced(catalogue: Connection) -> None:
    tables = await tenant_tables(catalogue)
    assert {"conversations", "messages", "messages_default", "messages_202603", "dead_letters"} <= set(tables)
    assert await findings(catalogue) == []


POLICY = "tenant_id = nullif(current_setting('app.tenant_id', true), '')"
GOOD = f"""
    CREATE TABLE planted (tenant_id text NOT NULL REFERENCES tenants, id uuid NOT NULL, PRIMARY KEY (tenant_id, id));
    ALTER TABLE planted OWNER TO waystate_owner;
    ALTER TABLE planted ENABLE ROW LEVEL SECURITY; ALTER TABLE planted FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON planted USING ({POLICY}) WITH CHECK ({POLICY});"""
PLANTED = {
    "no tenant": "CREATE TABLE planted (id uuid PRIMARY KEY)",
    "no fence": "CREATE TABLE planted (tenant_id text NOT NULL, id uuid, PRIMARY KEY (tenant_id, id))",
    "not forced": f"{GOOD} ALTER TABLE planted NO FORCE ROW LEVEL SECURITY",
    "not enabled": f"{GOOD} ALTER TABLE planted DISABLE ROW LEVEL SECURITY",
    "no policy": f"{GOOD} DROP POLICY tenant_isolation ON planted",
    "no check": f"{GOOD} DROP POLICY tenant_isolation ON planted; CREATE POLICY p ON planted USING ({POLICY})",
    "open check": f"{GOOD} ALTER POLICY tenant_isolation ON planted WITH CHECK (true)",
    "open use": f"{GOOD} ALTER POLICY tenant_isolation ON planted USING (true)",
    "an error where no tenant is set": (
        f"{GOOD} ALTER POLICY tenant_isolation ON planted USING (tenant_id = current_setting('app.tenant_id'))"
    ),
    "a second policy": f"{GOOD} CREATE POLICY extra ON planted USING (true)",
    "a policy for a role": f"{GOOD} CREATE POLICY extra ON planted FOR SELECT TO waystate_work USING (true)",
    "a sweep nobody knows": f"{GOOD} CREATE POLICY sweep ON planted FOR SELECT TO waystate_sweeper USING (true)",
    "another owner": f"{GOOD} ALTER TABLE planted OWNER TO waystate_app",
    "an index without tenant": f"{GOOD} CREATE INDEX ON planted (id)",
    "a unique index without tenant": f"{GOOD} CREATE UNIQUE INDEX ON planted (id) WHERE id IS NOT NULL",
    "no primary key": f"{GOOD} ALTER TABLE planted DROP CONSTRAINT planted_pkey",
    "a tenant that may be null": f"{GOOD} ALTER TABLE planted DROP CONSTRAINT planted_pkey, ALTER tenant_id DROP NOT NULL",
    "a foreign key across tenants": (
        f"{GOOD} CREATE UNIQUE INDEX by_id ON planted (id); ALTER TABLE contacts ADD FOREIGN KEY (id) REFERENCES planted (id)"
    ),
    "a foreign key that starts elsewhere": (
        f"{GOOD} ALTER TABLE planted ADD other uuid, ADD FOREIGN KEY (other, tenant_id) REFERENCES contacts (id, tenant_id)"
    ),
    "a partition without fence": (
        "CREATE TABLE planted PARTITION OF messages FOR VALUES FROM (MINVALUE) TO ('00000000-0000-0000-0000-000000000001')"
    ),
    "an owner's view": "CREATE VIEW planted AS SELECT * FROM messages",
    "a materialised view": "CREATE MATERIALIZED VIEW planted AS SELECT * FROM messages",
    "a definer function": "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint'",
    "a search path that is not pinned": "ALTER FUNCTION due_work RESET search_path",
    "a function for everybody": "GRANT EXECUTE ON FUNCTION due_work TO PUBLIC",
    "a role that walks through": "ALTER ROLE waystate_app BYPASSRLS",
    "a role that may become the owner": "GRANT waystate_owner TO waystate_work",
    "a sweeper that reads texts": "GRANT SELECT (data) ON events TO waystate_sweeper",
    "a partition within reach": "GRANT SELECT ON messages_default TO waystate_app",
    "an ingest that reads messages": "GRANT SELECT ON messages TO waystate_ingest",
    "a grant to everybody": "GRANT SELECT ON contacts TO PUBLIC",
    "routes that an application reads": "GRANT SELECT ON routes TO waystate_app",
    "one column more of a tenant": "GRANT SELECT (created_at) ON tenants TO waystate_app",
    "tenants that ingest reads": "GRANT SELECT (id) ON tenants TO waystate_ingest",
    "tenants that the sweeper reads": "GRANT SELECT (id) ON tenants TO waystate_sweeper",
    "routes that everybody reads": "GRANT SELECT ON routes TO PUBLIC",
    "a tenant that an application changes": "GRANT UPDATE (settings) ON tenants TO waystate_app",
    "a route that an application takes away": "GRANT DELETE ON routes TO waystate_app",
    "tenants without their policies": "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
    "routes without their policies": "ALTER TABLE routes DISABLE ROW LEVEL SECURITY",
    "routes that work cannot read": "REVOKE SELECT ON routes FROM waystate_work",
}


@pytest.mark.parametrize("name", PLANTED)
async def test_what_is_planted_is_found(catalogue_of_module: Connection, name: str) -> None:
    await catalogue_of_module.execute("BEGIN")
    try:
        await catalogue_of_module.execute(PLANTED[name])
        assert await findings(catalogue_of_module) != []
    finally:
        await catalogue_of_module.execute("ROLLBACK")


async def test_a_good_table_is_left_alone(catalogue_of_module: Connection) -> None:
    await catalogue_of_module.execute("BEGIN")
    try:
        await catalogue_of_module.execute(GOOD)
        assert await findings(catalogue_of_module) == []
    finally:
        await catalogue_of_module.execute("ROLLBACK")
