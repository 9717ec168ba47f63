"""The search for secrets finds what is planted, in every form and every kind of column."""

import base64
from urllib.parse import quote

import psycopg
import pytest

from tests.databases import Databases
from tests.integration.vault.safe import Safe
from tests.issued import MASTER_KEYS, issue, leaks, leaks_of
from waystate.ids import TenantId, new_id
from waystate.tokens import make_token
from waystate.vault.sealing import aad, vault_of

SECRET = "a ?secret/of+the=tests"
FORMS = {
    "clear": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "hexadecimal": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of a longer text": base64.b64encode(b"client:" + SECRET.encode() + b":x").decode(),
    "base64 of another place": base64.b64encode(b"user12:" + SECRET.encode()).decode(),
    "base64 of a third place": base64.urlsafe_b64encode(b"user123:" + SECRET.encode()).decode(),
    "a key": make_token("wsk", TenantId("acme"), new_id())[0],
    "a session": f"Cookie: {make_token('wss', TenantId('acme'), new_id())[0]}; x=y",
    "a master key": MASTER_KEYS[0].hex(),
    "a master key in base64": base64.b64encode(MASTER_KEYS[1]).decode(),
}
PLANTED = {
    "text": "INSERT INTO tenants (id, name) VALUES ('acme', %s)",
    "a document": "INSERT INTO tenants (id, name, settings) VALUES ('acme', 'Acme', jsonb_build_object('a', %s::text))",
    "bytes": "INSERT INTO tenants (id, name) VALUES ('acme', 'Acme');"
    "INSERT INTO idempotency_keys (tenant_id, key, request_hash, created_at, body)"
    " VALUES ('acme', 'k', sha256('x'), now(), convert_to(%s, 'UTF8'))",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    assert leaks(f"before {FORMS[form]} after".encode(), [SECRET])
    assert leaks(b"before and after", [SECRET]) == []


@pytest.mark.parametrize("place", PLANTED)
@pytest.mark.parametrize("form", ["clear", "base64", "a key", "a master key"])
def test_a_secret_is_found_in_every_kind_of_column(databases: Databases, place: str, form: str) -> None:
    found = r"could be used stands in the database: \['(tenants|idempotency_keys): .{6}…"
    with pytest.raises(AssertionError, match=found), databases.fresh() as url, psycopg.connect(url) as connection:
        if form in ("clear", "base64"):
            sealed = vault_of(MASTER_KEYS[0]).seal(SECRET, aad=aad("-", "meta_apps", "app_secret", "1"))
            query = "INSERT INTO meta_apps (id, app_secret, verify_token) VALUES ('1', %s, '')"
            connection.execute(query, [sealed])
        for statement in PLANTED[place].split(";"):
            connection.execute(statement, [FORMS[form]] if "%s" in statement else [])


def test_what_a_test_issued_is_found_wherever_it_is(databases: Databases) -> None:
    password = issue(f"password-{new_id()}")
    with pytest.raises(AssertionError, match="passwo…"), databases.fresh() as url, psycopg.connect(url) as connection:
        connection.execute("INSERT INTO tenants (id, name) VALUES ('acme', %s)", [f"Acme {password}"])


async def test_what_is_sealed_and_hashed_is_no_finding(safe: Safe, database_url: str) -> None:
    _, hashed = make_token("wsk", TenantId("acme"), new_id())
    await safe.connection.execute(
        "INSERT INTO api_keys (tenant_id, id, name, hash) VALUES ('acme', $1, 'a key', $2)", new_id(), hashed
    )
    assert leaks_of(database_url) == []
