"""Customers come in and go out as files, over HTTP: each good row once, each bad one told of, and nothing is held whole."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.installation import TENANT, Installation, installed_with_far_sides
from tests.acceptance.terminal import beside, run_command
from tests.acceptance.test_customers import SCOPES
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.keys import store as key_store

AWKWARD = {"name": "=HYPERLINK(1)", "tags": ["a;b", "[c]", "d"], "metadata": {"a": {"b": [1, None]}, "ü": '"x",'}}


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0) as installation:
            async with installation.app.db.tenant(TENANT) as conn:
                _, secret = await key_store.create_key(conn, TENANT, "files", utc_now(), scopes=SCOPES)
            installation.http.headers["x-api-key"] = secret
            yield installation


async def take(place: Installation, body: Any, *, expect: int = 200, **query: str) -> dict[str, Any]:
    answer = await place.http.post("/v1/customers/import", content=body, params=query)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


def counts(said: dict[str, Any]) -> list[int]:
    return [said[each] for each in ("rows", "added", "changed", "unchanged", "refused")]


async def export(place: Installation, ending: str) -> bytes:
    answer = await place.http.get(f"/v1/customers/export.{ending}")
    assert answer.status_code == 200, answer.text
    return answer.content


def lines(*customers: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in customers)


async def test_good_rows_are_kept_and_bad_ones_told_of(place: Installation) -> None:
    body = (
        "phoneNumber;name;tags;email\r\n"
        "11 98761-1001;Ana Lúcia;vip;ana@example.com\r\n"
        "123;Nobody;;\r\n"
        "11 98761-1002;Bia;;no address\r\n"
        ";Nobody;;\r\n"
        "+5511987611003;Caio;a;\r\n"
        "551187611003;;b;\r\n"
    ).encode()
    dry = await take(place, body, country="BR", dryRun="true")
    said = await take(place, body, country="BR")
    assert said == dry, "a dry run says what would be"
    assert counts(said) == [6, 2, 0, 1, 3]
    assert [(each["line"], each["code"]) for each in said["errors"]] == [
        *((3, "phone_unusable"), (4, "invalid_request"), (5, "nobody_named")),
    ]
    assert "email" in said["errors"][1]["detail"]
    found = (
        await place.http.get("/v1/customers/" + str(await place.value("SELECT id FROM contacts WHERE name = 'Caio'")))
    ).json()
    assert (found["waIds"], found["tags"]) == (["5511987611003"], ["b"]), "two spellings of a phone are one customer"
    assert counts(await take(place, body, country="BR"))[1:4] == [0, 0, 3], "what the last row of one says stands"
    assert await place.value("SELECT count(*) FROM contacts") == 2
    assert await place.value("SELECT count(*) FROM events WHERE type = 'customer.changed' AND (data->>'is_new')::boolean") == 2


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
async def test_what_was_exported_changes_nothing(place: Installation, ending: str) -> None:
    await take(place, lines(*({"waIds": [f"5511987612{number:03}"], **AWKWARD} for number in range(3))))
    # What nobody could write today, and is there.
    await place.database.execute("UPDATE contacts SET email = 'nobody', language = '?' WHERE name LIKE '=%'")
    before = [dict(row) for row in await place.rows("SELECT * FROM contacts ORDER BY id")]
    exported = await export(place, ending)
    said = await take(place, exported)
    assert counts(said) == [len(before), 0, 0, len(before), 0], said["errors"]
    assert [dict(row) for row in await place.rows("SELECT * FROM contacts ORDER BY id")] == before
    assert await export(place, ending) == exported


async def test_an_export_founds_another_tenants_customers(place: Installation) -> None:
    await take(place, lines({"waIds": ["5511987613001"], "userIds": ["BR.123"], **AWKWARD}))
    (row,) = [each for each in (await export(place, "csv")).decode().splitlines(keepends=True) if "5511987613001" in each]
    header = (await export(place, "csv")).decode().splitlines(keepends=True)[0]
    moved = (header + row).replace("5511987613001", "5511987613002").replace("BR.123", "BR.124")
    said = await take(place, moved.replace(row.partition(",")[0], str(uuid4())))
    assert counts(said) == [1, 1, 0, 0, 0], said
    rows = await place.rows(
        "SELECT c.name, c.tags, c.metadata FROM contacts c JOIN contact_identities i ON i.contact_id = c.id"
        " WHERE i.external_id IN ('5511987613001', '5511987613002')"
    )
    assert dict(rows[0]) == dict(rows[1])


async def test_a_command_takes_files_in_and_prints_them(place: Installation, tmp_path: Path) -> None:
    config = place.app.services.config
    environment = beside(str(config.database_url), config.home)
    file = tmp_path / "customers.csv"
    file.write_text("phoneNumber,name\n11 98761-5001,Lia\n123,Nobody\n")
    taken = ("customers", "import", TENANT, str(file), "--country", "BR")
    code, said, _ = await run_command(environment, *taken, "--dry-run")
    assert (code, said.splitlines()[0]) == (
        1,
        "Nothing was written; it would be: 2 rows: 1 added, 0 changed, 0 unchanged, 1 refused.",
    )
    assert said.splitlines()[1].startswith("line 3: phone_unusable: ")
    assert await place.value("SELECT count(*) FROM contacts WHERE name = 'Lia'") == 0
    code, said, _ = await run_command(environment, *taken, "--json")
    assert (code, counts(json.loads(said))) == (1, [2, 1, 0, 0, 1])
    for form in ("csv", "ndjson"):
        code, exported, errors = await run_command(environment, "customers", "export", TENANT, "--format", form)
        assert (code, exported.encode()) == (0, await export(place, form)), errors
        code, said, errors = await run_command(environment, "customers", "import", TENANT, "-", stdin=exported)
        assert (code, " 0 added, 0 changed, " in said) == (0, True), errors
    told = await place.value("SELECT count(*) FROM audit_log WHERE action LIKE 'customers.%' AND actor->>'kind' = 'operator'")
    assert told == 5, "an import that only looks is none"
    code, _, errors = await run_command(environment, "customers", "import", "nobody", str(file))
    assert (code, "nobody" in errors) == (2, True)


async def test_who_is_there_is_left_or_changed(place: Installation) -> None:
    await take(place, lines({"waIds": ["5511987614001"], "name": "Old", "metadata": {"a": 1}}))
    row = {"waIds": ["5511987614001"], "name": "New", "metadata": {"b": 2}}
    assert counts(await take(place, lines(row), onExisting="return")) == [1, 0, 0, 1, 0]
    assert counts(await take(place, lines(row))) == [1, 0, 1, 0, 0]
    found = await place.rows("SELECT name, metadata FROM contacts WHERE name IN ('Old', 'New')")
    assert [(each["name"], each["metadata"]) for each in found] == [("New", {"a": 1, "b": 2})]
    both = {"waIds": ["5511987614001", "5511987612000"]}
    assert [each["code"] for each in (await take(place, lines(both)))["errors"]] == ["several_customers"]


@pytest.mark.parametrize(
    ("query", "body"), [({"onExisting": "x"}, b""), ({"country": "br"}, b""), ({"dryRun": "1"}, b""), ({}, b"what\nx\n")]
)
async def test_what_cannot_be_meant_is_refused(place: Installation, query: dict[str, str], body: bytes) -> None:
    await take(place, body, expect=422, **query)
    form = await place.http.post("/v1/customers/import", files={"file": b"id\n"})
    assert form.json()["code"] == "file_in_a_form"
