from collections.abc import Iterator

import psycopg
import pytest

from tests.databases import Databases
from tests.plans.explain import NamedQuery, all_queries, explain, nodes, scanned_tables

KNOWN_SCANS = {
    "db.get_stock": "a backup or restore asks once, of the few roles that there are",
    "ledger.list_lane_keys": "once after the number of lanes was changed",
    "ledger.list_rows": "an operator looks at one day, seldom",
    "vault.count_global_cells": "an operator asks, seldom",
    "vault.list_global_cells": "a rotation goes through every secret",
}
"""Queries that read a whole table, and why they may."""


@pytest.fixture(scope="module")
def schema_url(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        with psycopg.connect(url) as connection:
            if connection.info.server_version < 160000:
                pytest.skip("PLANS ARE NOT TESTED: EXPLAIN (GENERIC_PLAN) needs PostgreSQL 16")
        yield url


@pytest.mark.parametrize("query", all_queries(), ids=str)
def test_an_index_serves_every_named_query(schema_url: str, query: NamedQuery) -> None:
    scanned = scanned_tables(explain(schema_url, query.sql))
    assert (scanned == set()) != (str(query) in KNOWN_SCANS), f"{query} reads all of {scanned}"


def test_the_guard_sees_a_scan_and_row_level_security(schema_url: str) -> None:
    plan = explain(schema_url, "SELECT * FROM contacts WHERE name = $1")
    seen = [node.get("Filter", "") + node.get("Index Cond", "") for node in nodes(plan)]
    assert any("app.tenant_id" in condition for condition in seen)
    assert scanned_tables(explain(schema_url, "SELECT * FROM leases WHERE holder = $1")) == {"leases"}
