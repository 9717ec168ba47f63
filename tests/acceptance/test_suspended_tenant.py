"""A suspended tenant: nobody is let in, nothing is sent, nothing is lost; afterwards everything goes out in order."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.installation import (
    BY_HAND,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.errors import Forbidden, NotFound
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.tenants import store
from waystate.tenants.model import TenantStatus

CUSTOMER = "15550107777"


@pytest.fixture
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), **BY_HAND) as place:
            yield place


async def turn(place: Installation, status: TenantStatus) -> None:
    """As another process does it: this one hears of it by itself."""
    async with place.app.db.work() as conn:
        assert await store.change_status(conn, [TenantId(TENANT)], status) == [TENANT]


def written(wamid: str) -> dict[str, Any]:
    return customer_message(wamid, CUSTOMER, at=int(time.time()))


async def deliveries(place: Installation) -> list[str]:
    rows = await place.rows("SELECT target, state FROM deliveries ORDER BY position")
    return [f"{row['target']} {row['state']}" for row in rows]


async def test_nothing_is_sent_nothing_is_lost_and_all_goes_out_in_order_afterwards(place: Installation) -> None:
    assert place.far is not None
    await place.post_meta(envelope(written("wamid.before")))
    await place.settled()
    await turn(place, TenantStatus.SUSPENDED)
    await asyncio.sleep(1.2)
    for number in range(5):
        answer = await place.post_meta(envelope(written(f"wamid.{number}")))
        assert answer.status_code == 200
    recipient = str((await place.rows("SELECT contact_id FROM conversations"))[0]["contact_id"])
    assert (await place.post_genesys(agent_message("agent-1", recipient))).status_code == 200

    async def all_are_tracked() -> bool:
        return bool(await place.value("SELECT count(*) FROM messages") == 7) and len(await deliveries(place)) == 7

    await until(all_are_tracked)
    await asyncio.sleep(2.5)  # two sweeps at least
    waiting = await deliveries(place)
    assert waiting == ["genesys sent", *["genesys pending"] * 5, "whatsapp pending"]
    assert await place.value("SELECT count(*) FROM delivery_attempts") == 1
    await turn(place, TenantStatus.ACTIVE)
    await place.settled()
    assert {each for each in await deliveries(place) if not each.startswith("genesys_receipt")} == {
        "genesys sent",
        "whatsapp sent",
    }
    state = (await place.far.get("/simulator/state")).json()
    assert (state["genesys"]["messages"], state["genesys"]["orderInversions"], state["genesys"]["repeats"]) == (6, 0, 0)
    order = await place.rows(
        "SELECT d.position FROM delivery_attempts a JOIN deliveries d USING (tenant_id, event_id, target)"
        " WHERE target = 'genesys' ORDER BY a.started_at, d.position"
    )
    assert [row["position"] for row in order] == sorted(row["position"] for row in order)


async def test_keys_and_trusted_callers_are_refused_within_a_second_and_let_in_again(place: Installation) -> None:
    async with place.app.db.tenant(TenantId(TENANT)) as conn:
        _, key = await key_store.create_key(conn, TenantId(TENANT), "tests", utc_now())
    path = f"/state/mapping/{CUSTOMER}"
    callers = [{"authorization": f"Bearer {key}"}, {"x-tenant-id": TENANT}, {}]

    async def codes() -> list[str]:
        answers = [await place.http.get(path, headers=headers) for headers in callers]
        return [answer.json().get("code", str(answer.status_code)) for answer in answers]

    assert await codes() == ["200"] * 3
    await turn(place, TenantStatus.SUSPENDED)
    await asyncio.sleep(1.1)
    assert await codes() == ["tenant_suspended"] * 3
    answer = await place.http.get(path, headers=callers[0])
    assert answer.status_code == 403
    assert "administrator of the platform can resume it" in answer.json()["detail"]
    await turn(place, TenantStatus.ACTIVE)
    await asyncio.sleep(1.1)
    assert await codes() == ["200"] * 3


async def test_a_login_can_ask_whether_its_tenant_is_open(place: Installation) -> None:
    db: Database = place.app.db
    async with db.work() as conn:
        await store.check_open(conn, TenantId(TENANT))
        with pytest.raises(NotFound):
            await store.check_open(conn, TenantId("nobody"))
    await turn(place, TenantStatus.SUSPENDED)
    async with db.work() as conn:
        with pytest.raises(Forbidden):
            await store.check_open(conn, TenantId(TENANT))
