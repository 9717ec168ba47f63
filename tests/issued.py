"""The secrets that tests issue, and the search for them where none may be: in a database, a log, an answer.

What a test sealed is found in the database itself and opened; keys and sessions are known by their form. Anything else that a
caller could use (a password, an invitation) a test names with `issue`.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

import psycopg

from waystate.errors import WaystateError
from waystate.ids import TenantId
from waystate.tokens import parse_token
from waystate.vault.model import COLUMNS, Cell
from waystate.vault.sealing import Unsealable, vault_of

MASTER_KEYS = (bytes.fromhex("0f" * 32), bytes(range(32)))
"""Those that tests seal with: of the acceptance tests, and of `World`."""
SHORTEST = 8
"""Characters: a test's "token" is a word that stands anywhere."""
TOKEN = re.compile(rb"ws[ks]\.[a-z0-9-]{1,63}\.[0-9A-Za-z]{22}\.[0-9A-Za-z]{49}")
BYTES = re.compile(rb"\\x([0-9a-f]{2,})")

_issued: set[str] = set()
_vault = vault_of(*MASTER_KEYS)


def issue(secret: str) -> str:
    """From now on no database of this run may hold it in a form that could be used."""
    assert len(secret) >= SHORTEST, "too short to be told from other words"
    _issued.add(secret)
    return secret


def leaks(text: bytes, secrets: Iterable[str] = ()) -> list[str]:
    """What of the secrets, of the tokens and of the master keys can be read in `text`, shown by its beginning alone."""
    found = {secret for secret in {*secrets, *_issued} if any(form in text for form in forms_of(secret.encode()))}
    found |= {token.decode() for token in TOKEN.findall(text) if _is_whole(token.decode())}
    keys = [key.hex() for key in MASTER_KEYS if any(form in text for form in forms_of(key))]
    return sorted(f"{each[:6]}… ({len(each)} characters)" for each in [*found, *keys])


def forms_of(secret: bytes) -> set[bytes]:
    """As it is, percent-encoded, in hexadecimal, and in base64 wherever in a longer text it begins."""
    forms = {secret, quote(secret, safe="").encode(), secret.hex().encode(), secret.hex().upper().encode()}
    for skipped in range(3):
        # The first and last characters depend on the neighbours.
        coded = base64.b64encode(bytes(skipped) + secret)[-(-skipped * 8 // 6) : -4]
        forms |= {coded, coded.replace(b"+", b"-").replace(b"/", b"_"), quote(coded, safe="").encode()}
    return forms


def leaks_of(url: str) -> list[str]:
    """What can be used of a database's contents, by table: all that a dump of it would show, and bytes as what they are."""
    with psycopg.connect(url) as connection:
        sealed = _sealed_in(connection)
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            " AND pg_relation_size(c.oid) > 0 ORDER BY 1"
        ).fetchall()
        found = []
        for (table,) in tables:
            with connection.cursor().copy(f"COPY (SELECT t::text FROM {table} t) TO STDOUT") as rows:
                text = b"".join(rows).replace(b"\\\\", b"\\").replace(b"\\\\", b"\\")
            raw = b"\n".join(bytes.fromhex(each[: len(each) // 2 * 2].decode()) for each in BYTES.findall(text))
            found += [f"{table}: {each}" for each in leaks(text + b"\n" + raw, sealed)]
        return found


def _sealed_in(connection: psycopg.Connection) -> set[str]:
    """The plaintexts of what is sealed there, as far as the tests' keys open it."""
    known = {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    found = set()
    for column in COLUMNS:
        if column.table not in known:
            continue
        row = "tenant_id" if column.table == "identity_providers" else "id::text"
        tenant = "tenant_id" if column.of_tenant else "NULL"
        query = f"SELECT {tenant}, {row}, {column.column} FROM {column.table} WHERE {column.column} IS NOT NULL"
        for tenant_id, row_id, value in connection.execute(query):
            cell = Cell(None if tenant_id is None else TenantId(tenant_id), column, row_id, value)
            try:
                found.add(_vault.open(value, aad=cell.aad))
            except Unsealable:
                continue
    return {secret for secret in found if len(secret) >= SHORTEST}


def _is_whole(token: str) -> bool:
    try:
        parse_token(token)
    except WaystateError:
        return False
    return True
