"""`/v1/accounts/events`: what webhooks say of accounts and numbers is listed whole, once, and shown where the numbers are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.credentials import bearing, key_with
from tests.acceptance.installation import SIMULATED, Installation, installed
from tests.databases import Databases
from waystate.ids import TenantId
from waystate.principal import Scope

TENANT = TenantId("acme")
NUMBER, ACCOUNT = "1001", "waba-1001"


@pytest.fixture
async def place(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path, TRUSTED_MODE="off") as place:
            await place.add_tenant(TENANT, number=NUMBER, integration=None)
            yield place


def webhook(field: str, value: Any, *, account: str = ACCOUNT, time: int = 1_790_000_000) -> dict[str, Any]:
    entry = {"id": account, "time": time, "changes": [{"field": field, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


async def listed(place: Installation, query: str = "") -> Any:
    headers = bearing(await key_with(place, TENANT, Scope.TENANT_READ))
    answer = await place.http.get(f"/v1/accounts/events{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_timeline_of_what_was_said_newest_first(place: Installation) -> None:
    quality = {"display_phone_number": SIMULATED["display_phone_number"], "event": "FLAGGED", "current_limit": "TIER_10K"}
    for _ in range(2):
        await place.post_meta(webhook("phone_number_quality_update", quality))
        await place.post_meta(webhook("account_update", {"event": "ACCOUNT_RESTRICTION"}))
        await place.post_meta(webhook("brand_new", ["odd"]))
        await place.settled()
    page = await listed(place)
    assert [(each["field"], each["severity"], each["number"]) for each in page["items"]] == [
        ("brand_new", "info", None),
        ("account_update", "critical", None),
        ("phone_number_quality_update", "warning", NUMBER),
    ]
    assert page["items"][2]["value"] == quality
    assert page["items"][0]["value"] == {"value": ["odd"]}
    first = await listed(place, "?limit=2")
    assert [each["field"] for each in (await listed(place, f"?before={first['next']}"))["items"]] == [
        "phone_number_quality_update"
    ]
    assert [each["field"] for each in (await listed(place, "?severity=critical"))["items"]] == ["account_update"]
    told = await place.rows("SELECT data FROM events WHERE type = 'account.changed'")
    assert len(told) == 3
    headers = bearing(await key_with(place, TENANT, Scope.TENANT_READ))
    (number,) = (await place.http.get("/v1/tenant/whatsapp-accounts", headers=headers)).json()["items"]
    assert (number["facts"]["quality"], number["facts"]["messaging_limit"]) == ("FLAGGED", "TIER_10K")


async def test_what_is_said_of_an_account_that_nobody_has_waits_for_it(place: Installation) -> None:
    await place.post_meta(webhook("account_update", {"event": "VERIFIED_ACCOUNT"}, account="waba-2002"))
    await place.settled()
    row = (await place.rows("SELECT state, outcome FROM webhook_ledger"))[0]
    assert (row["state"], row["outcome"]["unrouted"]) == ("rejected", ["waba:waba-2002"])
    await place.add_tenant("later", number="2002", integration=None)
    await place.settled()
    assert await place.value("SELECT tenant_id FROM account_events") == "later"
