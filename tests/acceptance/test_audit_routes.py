"""`/v1/audit`: administrators read what was done in their tenant, and whether the record of it is whole."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.acceptance.credentials import bearing, session_of
from tests.acceptance.installation import TENANT, Installation, envelope, installed
from tests.databases import Databases
from waystate.ids import PLATFORM, TenantId
from waystate.principal import Role

OTHER = TenantId("globex")


@pytest.fixture
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as installation:
            await installation.add_tenant(TENANT, number="1", integration="integration-a")
            await installation.add_tenant(OTHER, number="2", integration="integration-b")
            yield installation


async def get(place: Installation, token: str, path: str) -> httpx2.Response:
    return await place.http.get(path, headers=bearing(token))


async def listed(place: Installation, token: str, query: str = "") -> list[dict[str, Any]]:
    answer = await get(place, token, f"/v1/audit{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def make_keys(place: Installation, token: str, count: int) -> None:
    for number in range(count):
        answer = await place.http.post(
            "/v1/keys", json={"name": f"key {number}", "scopes": ["audit:read"]}, headers=bearing(token)
        )
        assert answer.status_code == 201, answer.text


async def test_who_did_what_is_read_newest_first_in_pages_by_the_tenants_admins_alone(place: Installation) -> None:
    (ada, mine), (_, theirs) = await session_of(place, TENANT, Role.ADMIN), await session_of(place, OTHER, Role.OWNER)
    _, platforms = await session_of(place, PLATFORM, Role.PLATFORM)
    await make_keys(place, mine, 5)
    await make_keys(place, theirs, 2)
    assert [each["position"] for each in await listed(place, mine)] == [5, 4, 3, 2, 1]
    assert [each["position"] for each in await listed(place, theirs)] == [2, 1]
    assert await listed(place, platforms) == []
    newest = (await listed(place, mine))[0]
    assert newest["actor"] == {"kind": "user", "id": str(ada)}
    assert (newest["action"], newest["details"]["name"]) == ("key.created", "key 4")
    page = (await get(place, mine, "/v1/audit?limit=3")).json()
    rest = (await get(place, mine, f"/v1/audit?limit=3&before={page['next']}")).json()
    assert [each["position"] for each in page["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["next"] is None
    assert len(await listed(place, mine, f"?actor=user:{ada}")) == 5
    assert await listed(place, mine, "?actor=operator") == []
    assert [each["position"] for each in await listed(place, mine, f"?subject={newest['subject']}")] == [5]
    assert len(await listed(place, mine, f"?since={newest['at']}")) <= 5
    assert await listed(place, mine, "?until=2020-01-01T00:00:00Z") == []
    assert await listed(place, mine, "?until=9999-12-31T23:59:59-12:00&since=0001-01-01T00:00:00%2B12:00&action=user") == []
    assert await listed(place, mine, "?action=%00&subject=%00") == []


@pytest.mark.parametrize(
    "query",
    ["actor=nobody", "actor=user:x", "limit=0", "limit=501", "before=0", f"before={1 << 63}", "since=x", "until=2026-01-01"],
)
async def test_a_filter_that_cannot_be_meant_is_refused_by_its_name(place: Installation, query: str) -> None:
    _, token = await session_of(place, TENANT, Role.ADMIN)
    answer = await get(place, token, f"/v1/audit?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert query.partition("=")[0] in answer.json()["detail"]


async def test_a_broken_chain_is_seen_by_its_tenant_and_a_cut_off_end_by_who_noted_the_head(place: Installation) -> None:
    (_, mine), (_, theirs) = await session_of(place, TENANT, Role.ADMIN), await session_of(place, OTHER, Role.ADMIN)
    await make_keys(place, mine, 4)
    whole = (await get(place, mine, "/v1/audit/verify")).json()
    assert (whole["intact"], whole["head"]["position"], whole["fault"]) == (True, 4, None)
    assert whole["noted"] == f"4:{whole['head']['hash']}"
    await place.database.execute("DELETE FROM audit_log WHERE tenant_id = $1 AND position = 4", TENANT)
    assert (await get(place, mine, "/v1/audit/verify")).json()["intact"] is True
    cut = (await get(place, mine, f"/v1/audit/verify?head={whole['noted']}")).json()
    assert (cut["intact"], cut["fault"]["kind"], cut["fault"]["position"]) == (False, "truncated", 4)
    await place.database.execute("UPDATE audit_log SET subject = 'key:x' WHERE tenant_id = $1 AND position = 2", TENANT)
    broken = (await get(place, mine, "/v1/audit/verify")).json()
    assert (broken["intact"], broken["fault"]["kind"], broken["fault"]["position"]) == (False, "changed", 2)
    assert broken["head"]["position"] == 1, "the last good entry"
    assert (await get(place, theirs, "/v1/audit/verify")).json()["intact"] is True
    assert (await get(place, mine, "/v1/audit/verify?head=4:x")).json()["code"] == "invalid_request"


async def test_a_session_that_acts_on_dead_letters_is_on_record_as_its_person(place: Installation) -> None:
    ada, token = await session_of(place, OTHER, Role.ADMIN)
    await place.post_meta(envelope({"messages": [{"id": "wamid.unusable"}]}, number="2"))
    await place.settled()
    letter = await place.value("SELECT id FROM dead_letters")
    answer = await place.http.post(f"/v1/dead-letters/{letter}/discard", headers=bearing(token))
    assert answer.status_code == 200
    (entry,) = await listed(place, token, "?subject=dead_letter")
    assert (entry["action"], entry["actor"]) == ("dead_letter.discarded", {"kind": "user", "id": str(ada)})
