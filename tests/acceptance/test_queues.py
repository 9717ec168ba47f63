"""Queues and schedules over HTTP: who is in them, when they are open, and what becomes of what waits in one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from tests.acceptance.credentials import bearing, session_of
from tests.acceptance.installation import TENANT, Installation, customer_message, envelope, installed, until
from tests.databases import Databases
from waystate.principal import Role

WEEK = {"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "17:00"}
BERLIN = {"timeZone": "Europe/Berlin", "slots": [WEEK], "validFrom": "2026-01-01"}


class Desk(NamedTuple):
    place: Installation
    supervisor: str
    agent: UUID
    agent_token: str


@asynccontextmanager
async def at_the_desk(url: str, home: Path) -> AsyncIterator[Desk]:
    async with installed(url, home) as place:
        await place.add_tenant()
        _, supervisor = await session_of(place, TENANT, Role.SUPERVISOR, name="Sue Lee")
        agent, token = await session_of(place, TENANT, Role.AGENT, name="Ana")
        yield Desk(place, supervisor, agent, token)


@pytest.fixture(scope="module")
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    with databases.fresh() as url:
        async with at_the_desk(url, tmp_path_factory.mktemp("home")) as desk:
            yield desk


async def ask(desk: Desk, method: str, path: str, *, expect: int = 200, token: str = "", **given: Any) -> dict[str, Any]:
    headers = {**bearing(token or desk.supervisor), **given.pop("headers", {})}
    answer = await desk.place.http.request(method, f"/v1{path}", headers=headers, **given)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = {"etag": answer.headers.get("etag"), **(answer.json() if answer.content else {})}
    return said


async def schedule(desk: Desk, name: str, **fields: Any) -> dict[str, Any]:
    return await ask(desk, "POST", "/schedules", expect=201, json={"name": name, **BERLIN, **fields})


async def queue(desk: Desk, name: str, **fields: Any) -> dict[str, Any]:
    return await ask(desk, "POST", "/queues", expect=201, json={"name": name, **fields})


async def wait_in(desk: Desk, queue_id: str, phone: str) -> UUID:
    """An open conversation that waits there."""
    await desk.place.post_meta(envelope(customer_message(f"wamid.{uuid4()}", phone)))
    query = "UPDATE conversations SET queue_id = $1 WHERE wa_id = $2 RETURNING id"
    found: list[UUID] = []

    async def is_there() -> bool:
        found.extend(row["id"] for row in await desk.place.rows(query, UUID(queue_id), phone))
        return bool(found)

    await until(is_there)
    return found[0]


async def test_a_schedule_says_when_it_opens(desk: Desk) -> None:
    made = await schedule(desk, "Office", holidays=[{"date": "2026-06-01", "name": "Whit Monday"}])
    path = f"/schedules/{made['id']}/state"
    closed = await ask(desk, "GET", path, params={"at": "2026-06-01T08:00:00Z"})
    assert (closed["open"], closed["opensAt"], closed["holiday"]) == (False, "2026-06-02T07:00:00.000Z", "Whit Monday")
    opened = await ask(desk, "GET", path, params={"at": "2026-06-02T10:00:00+02:00"})
    assert (opened["open"], opened["closesAt"], opened["opensAt"]) == (True, "2026-06-02T15:00:00.000Z", None)
    far = await ask(desk, "GET", path, expect=422, params={"at": "9999-12-31T23:59:59Z"})
    assert far["code"] == "time_too_far"


async def test_a_change_counts_from_its_day_on_and_what_was_stays(desk: Desk) -> None:
    made = await schedule(desk, "Changing")
    path = f"/schedules/{made['id']}"
    later = {"slots": [{**WEEK, "opens": "08:00"}], "validFrom": "2030-06-05"}
    changed = await ask(desk, "PATCH", path, json=later, headers={"If-Match": made["etag"]})
    assert [each["validFrom"] for each in changed["versions"]] == ["2026-01-01", "2030-06-05"]
    assert changed["slots"][0]["opens"] == "09:00", "as it is today"
    for day, opens in (("2030-06-04", "07:00"), ("2030-06-05", "06:00")):
        told = await ask(desk, "GET", f"{path}/state", params={"at": f"{day}T01:00:00Z"})
        assert told["opensAt"] == f"{day}T{opens}:00.000Z"
    late = await ask(desk, "PATCH", path, expect=412, json={"name": "Late"}, headers={"If-Match": made["etag"]})
    assert late["etag"] == changed["etag"]
    today = await ask(desk, "PATCH", path, json={"timeZone": "America/New_York"})
    assert [each["timeZone"] for each in today["versions"]] == ["Europe/Berlin", "America/New_York", "Europe/Berlin"]
    again = await ask(desk, "PATCH", path, json={"timeZone": "America/New_York"})
    assert again["etag"] == today["etag"], "nothing changed"
    withdrawn = await ask(desk, "DELETE", f"{path}/versions/2030-06-05")
    assert len(withdrawn["versions"]) == 2
    assert (await ask(desk, "DELETE", f"{path}/versions/2030-06-05", expect=404))["code"] == "version_not_found"


@pytest.mark.parametrize(
    "fields",
    [
        {"timeZone": "Mars/Olympus"},
        {"timeZone": "right/Europe/Berlin"},
        {"slots": [{**WEEK, "opens": "24:00"}]},
        {"slots": [{**WEEK, "closes": "09:00"}]},
        {"slots": [{**WEEK, "days": ["someday"]}]},
        {"holidays": [{"date": "2026-06-01", "name": "a"}, {"date": "2026-06-01", "name": "b"}]},
        {"holidays": [{"date": "2026-02-30", "name": "a"}]},
        {"validFrom": "0001-01-01"},
        {"name": " "},
    ],
)
async def test_hours_that_cannot_be_are_refused(desk: Desk, fields: dict[str, Any]) -> None:
    refused = await ask(desk, "POST", "/schedules", expect=422, json={"name": "Refused", **BERLIN, **fields})
    assert (refused["code"], len(refused["errors"])) == ("invalid_request", 1)


async def test_a_queue_has_members_who_work_here_and_hours(desk: Desk) -> None:
    always = {"timeZone": "UTC", "slots": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00",
                                           "closes": "24:00"}]}  # fmt: skip
    hours = await schedule(desk, "Always", **always)
    made = await queue(desk, "Support", members=[str(desk.agent)] * 2, schedule=hours["id"], genesysQueue="g-1")
    assert made["members"] == [{"id": str(desk.agent), "name": "Ana"}]
    assert (made["state"]["open"], made["state"]["closesAt"], made["genesysQueue"]) == (True, None, "g-1")
    stranger = await ask(desk, "PATCH", f"/queues/{made['id']}", expect=422, json={"members": [str(uuid4())]})
    assert stranger["code"] == "not_a_colleague"
    foreign = await ask(desk, "PATCH", f"/queues/{made['id']}", expect=422, json={"schedule": str(uuid4())})
    assert foreign["code"] == "unknown_schedule"
    used = await ask(desk, "DELETE", f"/schedules/{hours['id']}", expect=409)
    assert (used["code"], used["queues"]) == ("schedule_in_use", ["Support"])
    free = await ask(desk, "PATCH", f"/queues/{made['id']}", json={"schedule": None, "members": None})
    assert (free["schedule"], free["members"], free["genesysQueue"]) == (None, [], "g-1")
    late = {"If-Match": made["etag"]}
    assert (await ask(desk, "PATCH", f"/queues/{made['id']}", expect=412, json={"name": "L"}, headers=late))["etag"] == free[
        "etag"
    ]
    await ask(desk, "DELETE", f"/schedules/{hours['id']}", expect=204)
    assert (await ask(desk, "POST", "/queues", expect=409, json={"name": "Support"}))["code"] == "name_taken"
    told = await desk.place.rows("SELECT data FROM events WHERE type = 'queue.changed' ORDER BY position")
    assert len(told) == 2
    entries = await desk.place.rows("SELECT action FROM audit_log WHERE subject = $1 ORDER BY position", f"queue:{made['id']}")
    assert [each["action"] for each in entries] == ["queue.added", "queue.edited"]


async def test_who_leaves_is_in_no_queue_and_who_is_disabled_has_no_name(desk: Desk) -> None:
    leaver, _ = await session_of(desk.place, TENANT, Role.AGENT, name="Lea")
    made = await queue(desk, "Leaving", members=[str(leaver), str(desk.agent)])
    await desk.place.rows("UPDATE users SET status = 'disabled' WHERE id = $1", leaver)
    names = [each["name"] for each in (await ask(desk, "GET", f"/queues/{made['id']}"))["members"]]
    assert names == ["Ana", None]
    kept = await ask(desk, "PATCH", f"/queues/{made['id']}", json={"members": [str(leaver)]})
    assert len(kept["members"]) == 1, "who was in it already may stay"
    await desk.place.rows("DELETE FROM memberships WHERE user_id = $1", leaver)
    assert (await ask(desk, "GET", f"/queues/{made['id']}"))["members"] == []


async def test_what_waits_in_a_queue_is_moved_before_it_goes(desk: Desk) -> None:
    first, second = await queue(desk, "First"), await queue(desk, "Second")
    conversation = await wait_in(desk, first["id"], "15550107001")
    path = f"/queues/{first['id']}"
    assert (await ask(desk, "GET", path))["openConversations"] == 1
    used = await ask(desk, "DELETE", path, expect=409)
    assert (used["code"], used["conversations"]) == ("queue_in_use", 1)
    for wrong in (first["id"], str(uuid4()), "nowhere"):
        assert (await ask(desk, "DELETE", path, expect=422, params={"moveTo": wrong}))["code"] == "unknown_queue"
    await ask(desk, "DELETE", path, expect=204, params={"moveTo": second["id"]})
    assert await desk.place.value("SELECT queue_id FROM conversations WHERE id = $1", conversation) == UUID(second["id"])
    await ask(desk, "DELETE", f"/queues/{second['id']}", expect=204, params={"moveTo": "none"})
    assert await desk.place.value("SELECT queue_id FROM conversations WHERE id = $1", conversation) is None
    log = await desk.place.rows(
        "SELECT data->>'queue_id' AS queue FROM conversation_log WHERE conversation_id = $1"
        " AND type = 'conversation.queue_changed' ORDER BY id",
        conversation,
    )
    assert [each["queue"] for each in log] == [second["id"], None]
    assert (await ask(desk, "DELETE", path, expect=404))["code"] == "queue_not_found"


async def test_lists_are_by_name_and_an_agent_reads_but_changes_not(desk: Desk) -> None:
    for name in ("zz-b", "zz-a", "zz-c"):
        await queue(desk, name)
        await schedule(desk, name)
    for noun in ("queues", "schedules"):
        seen: list[str] = []
        cursor = None
        while True:
            params = {"limit": 2, **({"after": cursor} if cursor else {})}
            page = await ask(desk, "GET", f"/{noun}", params=params, token=desk.agent_token)
            seen += [each["name"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert [each for each in seen if each.startswith("zz")] == ["zz-a", "zz-b", "zz-c"]
        assert len(seen) == len(set(seen))
        assert (await ask(desk, "GET", f"/{noun}", expect=400, params={"after": "x"}))["code"] == "cursor_invalid"
        refused = await ask(desk, "POST", f"/{noun}", expect=403, json={}, token=desk.agent_token)
        assert refused["code"] == "role_insufficient"


async def test_a_new_schedule_counts_from_today_where_it_is(desk: Desk) -> None:
    far_west = {"timeZone": "Etc/GMT+12", "slots": [WEEK], "validFrom": None}
    made = await schedule(desk, "Far west", **far_west)
    assert made["validFrom"] == (datetime.now(UTC) - timedelta(hours=12)).date().isoformat()
