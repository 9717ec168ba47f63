"""What is sealed stands in one list, and the schema has nothing like it beside."""

from tests.integration.vault.safe import Safe
from waystate.vault.model import COLUMNS

NOT_SEALED = {
    "webhook_ledger.body": "a webhook as it came",
    "users.reset_hash": "SHA-256 of a reset's token",
    "memberships.invitation_hash": "SHA-256 of an invitation's token",
    "sessions.hash": "SHA-256 of a session's token",
    "api_keys.hash": "SHA-256 of an API key",
    "media_files.sha256": "SHA-256 of a file",
    "audit_log.previous": "a link of the chain",
    "audit_log.hash": "a link of the chain",
    "idempotency_keys.request_hash": "SHA-256 of a request",
    "idempotency_keys.body": "an answer that was given once",
}
"""Bytes that are no secret of ours to keep; whatever else is `bytea` must be in `COLUMNS`, or rotation forgets it."""


async def test_every_column_of_bytes_is_sealed_or_known_to_be_no_secret(safe: Safe) -> None:
    rows = await safe.connection.fetch(
        "SELECT c.relname || '.' || a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND a.atttypid = 'bytea'::regtype AND NOT a.attisdropped AND a.attnum > 0"
    )
    assert {row["name"] for row in rows} == {*map(str, COLUMNS), *NOT_SEALED}


async def test_a_column_is_of_a_tenant_where_the_schema_says_so(safe: Safe) -> None:
    rows = await safe.connection.fetch("SELECT relname FROM pg_class WHERE relrowsecurity")
    fenced = {row["relname"] for row in rows}
    assert {str(each) for each in COLUMNS if each.of_tenant} == {str(each) for each in COLUMNS if each.table in fenced}


async def test_the_tests_have_a_value_in_every_sealed_column(safe: Safe) -> None:
    assert await safe.key_ids() == {str(column): {safe.vault.current} for column in COLUMNS}
