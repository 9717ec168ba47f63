"""SQL in every parameter of every read: it is a value, or it is refused. Operations still to come are asked by themselves."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.calls import AT_THE_DESK, NOBODYS, PLACES, operations_of
from tests.acceptance.installation import TENANT, Installation, customer_message, envelope, installed
from tests.acceptance.outsiders import OF_A_KEY, Caller, key_caller, session_caller
from tests.databases import Databases
from waystate.framework import OPERATIONS
from waystate.ids import PLATFORM, new_id
from waystate.principal import Role, Scope

PIECES = (
    "'", '"', ";", "--", "/*", "*/", "\\", "\\'", "%", "_", "$1", "$$", "(", ")", ",", "::int", "\x00", "\n", " ", "é",
    "NULL", "0", "-1", "1e999", "9" * 40, "true", "name", "id DESC", "OR 1=1", "DROP TABLE contacts", "TRUNCATE messages",
    "UNION SELECT secret FROM api_keys", "pg_sleep(9)", "(SELECT 1/0)", "' & '", ":*", "<->", "2026-01-31T12:00Z", "{}", "%s",
)  # fmt: skip
ALONE = (
    "'; DROP TABLE contacts; --", "name DESC, (SELECT 1/0)", "\x00", "\\", "' OR '1'='1", "1 UNION SELECT key FROM api_keys",
    "(SELECT pg_sleep(9))", "'", "$1", "%", "",
)  # fmt: skip
hostile = st.one_of(st.sampled_from(ALONE), st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join))
ASKED = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


KEPT = ("contacts", "contact_identities", "conversations", "messages", "tenants", "api_keys", "whatsapp_accounts")


@dataclass(frozen=True)
class Read:
    """A GET with query parameters, ready to be asked. `usual`: of each parameter, what it may well be."""

    http: httpx2.AsyncClient
    caller: Caller
    path: str
    usual: dict[str, Sequence[str]]

    async def ask(self, query: dict[str, str]) -> None:
        asked = "&".join(f"{key}={quote(each)}" for key, each in query.items())
        answer = await self.http.get(f"{self.path}?{asked}", headers=self.caller.headers)
        # Without a parameter it finds what its path names; a parameter may name what is not there.
        assert answer.status_code in (200, 400, 422, *([404] if query else [])), (
            self.path,
            query,
            answer.status_code,
            answer.text,
        )


def counts(url: str) -> dict[str, Any]:
    """The tables that there are, and rows that reading does not change."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in KEPT}
    return {"tables": tables, **rows}


def find_reads(place: Installation, url: str, document: dict[str, Any], callers: dict[str, Caller]) -> list[Read]:
    reads = []
    for method, path in operations_of(document):
        told = document["paths"][path][method.lower()].get("parameters", ())
        usual = {each["name"]: usual_of(document, each.get("schema", {})) for each in told if each["in"] == "query"}
        scope = OPERATIONS[method, path].scope
        # What anybody may ask shows nothing of a tenant; a look-up of the seeds opens what is not there.
        if method == "GET" and usual and scope is not None and path.startswith("/v1/"):
            name = {Scope.SELF: "owner", Scope.PLATFORM: "platform"}.get(scope, "key")
            ids = {key: own_id(url, key, name) for key in re.findall(r"{(\w+)}", path)}
            reads.append(Read(place.http, callers[name], path.format(**ids), usual))
    return reads


def own_id(url: str, name: str, caller: str) -> str:
    """An id that is there, so that the query behind it is asked."""
    if name in NOBODYS:
        return NOBODYS[name]
    with psycopg.connect(url) as connection:
        row = connection.execute(
            PLACES[name].replace("$1", "%s").encode(), [PLATFORM if caller == "platform" else TENANT]
        ).fetchone()
    assert row is not None, f"the tenant has nothing for {name}"
    return str(row[0])


def usual_of(document: dict[str, Any], schema: dict[str, Any]) -> Sequence[str]:
    """Values that a schema names, so that others come to be used beside them."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    choices = [each for part in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())) for each in part.get("enum", ())]
    deeper = [
        each
        for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()))
        if "$ref" in part
        for each in usual_of(document, part)
    ]
    by_type = {"boolean": ["true"], "integer": ["2"]}.get(schema.get("type", ""), [])
    return [str(each) for each in choices] + deeper + by_type


@pytest.fixture(scope="module")
async def reads(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Read]]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as place:
            await place.add_tenant(sender="external", genesys_sender="external", settings={"correlation": "local"})
            await place.post_meta(envelope(customer_message("wamid.known", "15550100002")))
            await place.settled()
            for statement in AT_THE_DESK:
                await place.database.execute(statement, TENANT, new_id())
            callers = {
                "key": await key_caller(place, TENANT, "everything", OF_A_KEY),
                "owner": await session_caller(place, TENANT, Role.OWNER),
                "platform": await session_caller(place, PLATFORM, Role.PLATFORM),
            }
            document = (await place.http.get("/openapi.json")).json()
            before = counts(url)
            yield find_reads(place, url, document, callers)
            assert counts(url) == before


def test_reads_and_their_parameters_are_found(reads: list[Read]) -> None:
    parameters = {key for read in reads for key in read.usual}
    assert {"q", "tag", "sort", "after", "limit", "direction", "type"} <= parameters
    assert len(reads) > 10


async def test_one_parameter_at_a_time_is_a_value_or_refused(reads: list[Read]) -> None:
    for read in reads:
        await read.ask({})
        for name, usual in read.usual.items():
            for sql in (*ALONE[:4], *(f"{each}{ALONE[0]}" for each in usual[:1])):
                await read.ask({name: sql})


@ASKED
@given(data=st.data())
async def test_any_parameters_together_are_values_or_refused(reads: list[Read], data: st.DataObject) -> None:
    read = data.draw(st.sampled_from(reads))
    query = {}
    for name, usual in read.usual.items():
        values = st.one_of(hostile, st.sampled_from(usual), st.sampled_from(usual)) if usual else hostile
        if data.draw(st.booleans()):
            query[name] = data.draw(values)
    await read.ask(query)
