"""Webhooks that nobody had a use for: not for a number that was just added, in any process; else shown, and worked later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    APP,
    TENANT,
    VAULT,
    Installation,
    customer_message,
    envelope,
    installed,
    new_account,
    until,
)
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.ids import PLATFORM
from waystate.keys import store as key_store
from waystate.principal import Scope
from waystate.tenants import store
from waystate.tenants.model import MetaApp

LATER = "777"


@dataclass
class Pair:
    """Two processes on one database: what is set up in one is asked for in the other."""

    one: Installation
    two: Installation
    key: str

    async def platform(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.key}"}
        return await self.two.http.request(method, f"/v1/platform/webhooks{path}", json=body, headers=headers)

    async def rejected(self) -> list[dict[str, Any]]:
        answer = await self.platform("GET", "?state=rejected")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def messages(self) -> list[str]:
        return [row["wamid"] for row in await self.one.rows("SELECT wamid FROM messages ORDER BY id")]


@pytest.fixture
async def pair(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    with databases.fresh() as url:
        homes = [tmp_path_factory.mktemp("home") for _ in range(2)]
        async with installed(url, homes[0]) as one, installed(url, homes[1]) as two:
            await one.add_tenant(integration=None)
            async with one.app.db.tenant(PLATFORM) as conn:
                _, issued = await key_store.create_key(conn, PLATFORM, "tests", utc_now(), scopes=[Scope.PLATFORM])
            yield Pair(one, two, issued)


def hello(wamid: str, number: str = LATER) -> dict[str, Any]:
    return envelope(customer_message(wamid, "15550100001"), number=number)


async def set_up(place: Installation, number: str = LATER) -> None:
    """As another process or a command does: nobody tells `place`'s memory of it by hand."""
    async with place.app.db.work(tenant_id=TENANT) as conn:
        await store.upsert_accounts(conn, VAULT, TENANT, [new_account(number, is_default=False)])


async def test_no_webhook_of_a_number_added_in_another_process_is_rejected(pair: Pair) -> None:
    for n in range(40):
        number = f"8{n:03}"
        assert (await pair.two.post_meta(hello(f"wamid.before.{n}", number))).status_code == 200
        await until(lambda n=n: _counted(pair, n + 1))
        await set_up(pair.one, number)
        assert (await pair.two.post_meta(hello(f"wamid.after.{n}", number))).status_code == 200
    await pair.two.settled()
    assert await pair.rejected() == []
    assert sorted(await pair.messages()) == sorted(f"wamid.{when}.{n}" for n in range(40) for when in ("before", "after"))


async def _counted(pair: Pair, bodies: int) -> bool:
    """The body before was worked, and its number found to be nobody's."""
    worked = await pair.two.value("SELECT count(*) FROM webhook_ledger WHERE state <> 'pending'")
    return bool(worked == 2 * bodies - 1)


async def test_a_body_signed_with_a_secret_set_a_moment_ago_is_taken(pair: Pair) -> None:
    fresh = MetaApp(id="app-new", app_secret="a-secret-set-a-moment-ago", verify_token="token")
    assert (await pair.two.post_meta(hello("wamid.1"), app=fresh)).status_code == 401
    async with pair.one.app.db.work() as conn:
        await store.upsert_meta_apps(conn, VAULT, [fresh])
    assert (await pair.two.post_meta(hello("wamid.2"), app=fresh)).status_code == 200
    rolled = MetaApp(id=APP.id, app_secret="another-secret-of-the-app", verify_token="token")
    assert (await pair.two.post_meta(hello("wamid.3"), app=rolled)).status_code == 401
    async with pair.one.app.db.work() as conn:
        await store.upsert_meta_apps(conn, VAULT, [rolled])
    assert (await pair.two.post_meta(hello("wamid.4"), app=rolled)).status_code == 200


async def test_every_process_hears_of_a_change_when_it_is_committed(pair: Pair) -> None:
    async def is_remembered(place: Installation) -> bool:
        """Not for long: what is remembered for seconds is looked at for tenths."""
        await place.app.directory.get_tenant(TENANT)
        return place.app.directory.find_cached_tenant(TENANT) is not None

    async def has_forgotten() -> bool:
        return pair.two.app.directory.find_cached_tenant(TENANT) is None

    await until(lambda: _hears(pair))
    assert await is_remembered(pair.two)
    await set_up(pair.one)
    await until(has_forgotten, timeout=2)


async def _hears(pair: Pair) -> bool:
    return pair.two.app.sharing.feed.is_connected


async def test_what_was_rejected_is_shown_with_what_it_lacks(pair: Pair) -> None:
    for n in range(3):
        await pair.one.post_meta(hello(f"wamid.{n}"))
    await pair.one.settled()
    (newest, *_) = shown = await pair.rejected()
    assert len(shown) == 3
    assert newest["lacks"] == [f"phone_number_id:{LATER}"]
    assert newest["rejected"][0]["reason"] == "unknown_tenant"
    assert "worked by itself" in newest["rejected"][0]["message"]
    assert newest["preview"].startswith('{"object"')
    first = (await pair.platform("GET", "?state=rejected&limit=2")).json()
    second = (await pair.platform("GET", f"?state=rejected&limit=2&before={first['next']}")).json()
    assert [each["id"] for each in [*first["items"], *second["items"]]] == [each["id"] for each in shown]
    assert second["next"] is None


async def test_rejected_bodies_are_put_back_to_work_on_demand_and_it_is_on_record(pair: Pair) -> None:
    await pair.one.post_meta(hello("wamid.1"))
    await pair.one.settled()
    (row,) = await pair.rejected()
    answer = await pair.platform("POST", "/replay", {"ids": [row["id"]]})
    assert (answer.status_code, answer.json()) == (200, {"replayed": 1, "ids": [row["id"]]})
    await pair.one.settled()
    assert len(await pair.rejected()) == 1, "its number is still nobody's"
    for wrong in ({}, {"ids": [], "all": True}, {"all": False}):
        assert (await pair.platform("POST", "/replay", wrong)).status_code == 422
    assert (await pair.platform("POST", "/replay", {"all": True})).json()["replayed"] == 1
    actions = await pair.one.rows("SELECT action FROM audit_log WHERE tenant_id = 'platform'")
    assert [each["action"] for each in actions] == ["ledger.replayed"] * 2
