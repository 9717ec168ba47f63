"""Simulated WhatsApp groups write, change, and take what WhatsApp's groups take."""

from collections.abc import Callable
from typing import Any

import pytest

MEMBERS = ["15550100101", "15550100102", "US.13491208655302741918"]


async def make(simulator: Any, members: list[str] = MEMBERS) -> str:
    group: str = (await simulator.control("POST", "/groups", {"subject": "Trip", "members": members}))["id"]
    return group


async def send(simulator: Any, group: str, **said: Any) -> Any:
    body = {"messaging_product": "whatsapp", "recipient_type": "group", "to": group, "type": "text", "text": {"body": "#1 Hi"}}
    return await simulator.post_graph({**body, "biz_opaque_callback_data": "m-1", **said})


async def test_members_write_and_the_group_is_told_of(simulator: Any, waystate: Any, until: Callable[..., Any]) -> None:
    group = await make(simulator)
    for member in MEMBERS:
        await simulator.control("POST", f"/groups/{group}/messages", {"member": member, "text": f"by {member}"})
    await simulator.control("POST", f"/groups/{group}/messages", {"member": MEMBERS[0], "file": {"kind": "image"}})
    await simulator.control("PATCH", f"/groups/{group}", {"subject": "Oslo", "leave": [MEMBERS[1]], "state": "suspended"})
    await until(lambda: len(waystate.messages) == 4 and len(waystate.changes) == 5)
    assert [each["group_id"] for each in waystate.messages] == [group] * 4
    assert [each.get("from") for each in waystate.messages] == [*MEMBERS[:2], None, MEMBERS[0]]
    assert waystate.messages[3]["type"] == "image"
    told = [(field, value["groups"][0]["type"]) for field, value in waystate.changes]
    assert told == [
        ("group_lifecycle_update", "group_create"),
        ("group_participants_update", "group_participants_add"),
        ("group_participants_update", "group_participants_remove"),
        ("group_settings_update", "group_settings_update"),
        ("group_status_update", "group_suspend"),
    ]
    assert waystate.badly_signed == 0
    journal = {each["id"]: each for each in (await simulator.get("/simulator/messages"))["customers"]}
    assert (journal[group]["name"], len(journal[group]["wrote"])) == ("Oslo", 4)
    assert journal[MEMBERS[0]]["wrote"] == []


async def test_each_person_has_a_status_of_their_own(simulator: Any, waystate: Any, until: Callable[..., Any]) -> None:
    group = await make(simulator)
    await simulator.control("POST", f"/groups/{group}/messages", {"member": MEMBERS[0]})
    assert (await send(simulator, group)).status_code == 200
    await until(lambda: len(waystate.statuses) == 7)
    said = [
        (each["status"], each.get("recipient_participant_id"), each.get("participant_recipient_id"))
        for each in waystate.statuses
    ]
    assert said[0] == ("sent", None, None)
    assert said[1:] == [
        (status, *ids) for status in ("delivered", "read") for ids in ((MEMBERS[0], None), (None, MEMBERS[1]), (None, None))
    ]
    assert {(each["recipient_type"], each["recipient_id"]) for each in waystate.statuses} == {("group", group)}


@pytest.mark.parametrize(
    ("state", "said", "code"),
    [
        (None, {"to": "nobody"}, 131020),
        ("suspended", {}, 131207),
        ("deleted", {}, 131020),
        (None, {"type": "location", "location": {"latitude": 1, "longitude": 2}}, 131051),
        (None, {"to": ""}, 100),
    ],
)
async def test_a_group_refuses_what_whatsapp_refuses(
    simulator: Any, state: str | None, said: dict[str, Any], code: int
) -> None:
    group = await make(simulator)
    await simulator.control("POST", f"/groups/{group}/messages", {"member": MEMBERS[0]})
    if state is not None:
        await simulator.control("PATCH", f"/groups/{group}", {"state": state})
    answer = await send(simulator, group, **said)
    assert answer.json()["error"]["code"] == code


async def test_a_group_in_which_nobody_wrote_has_no_window(simulator: Any) -> None:
    group = await make(simulator)
    await simulator.meet(MEMBERS[0])
    assert (await send(simulator, group)).json()["error"]["code"] == 131047


@pytest.mark.parametrize("members", [["15550100101", "15550100101"], [f"155501001{n:02}" for n in range(9)], ["me", "you"]])
async def test_a_group_has_two_to_eight_people(simulator: Any, members: list[str]) -> None:
    answer = await simulator.client.post("/simulator/groups", json={"subject": "Trip", "members": members})
    assert answer.status_code == 422


async def test_who_is_not_in_a_group_does_not_write_in_it(simulator: Any) -> None:
    group = await make(simulator)
    await simulator.control("PATCH", f"/groups/{group}", {"leave": [MEMBERS[0]]})
    answer = await simulator.client.post(f"/simulator/groups/{group}/messages", json={"member": MEMBERS[0]})
    assert answer.json()["code"] == "no_member"
    assert (await simulator.client.post("/simulator/groups/x/messages", json={"member": MEMBERS[0]})).status_code == 404


async def test_a_load_has_groups(simulator: Any, waystate: Any, until: Callable[..., Any]) -> None:
    await simulator.control("POST", "/load", {"customers": 1, "rate": 1000, "total": 60, "groups": 1, "files": 0.2})
    await until(lambda: len(waystate.messages) == 60)
    of_group = [each for each in waystate.messages if "group_id" in each]
    assert 10 < len(of_group) < 50
    assert {each["type"] for each in of_group} > {"text"}
