"""The answer to a send is lost in every way there is, before and after WhatsApp took the message: none is sent twice."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
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
from tests.faults.harness_record import Record
from waystate.simulator.faults import WAYS
from waystate.tenants.model import Tenant, TenantSettings

UNKNOWN_TTL = timedelta(seconds=2)
PATIENCE = 1.0
"""Seconds that Waystate waits for an answer; `late` answers come after that."""
NO_BRAKE = {"OUTAGE_AFTER": "1000000"}
"""Else the number rests after three lost answers, and the rest would not be sent at all until the platform is well."""
PACE: dict[str, Any] = BY_HAND | {"late_delay": 1.5}


@dataclass
class Sends:
    """Messages of agents by the way in which their answers were lost; `taken` are those that WhatsApp had taken by then."""

    by_way: dict[str, list[str]] = field(default_factory=dict)

    def of(self, when: str) -> set[str]:
        return {each for way, ids in self.by_way.items() if way.endswith(when) for each in ids}


async def test_no_lost_answer_makes_a_second_message(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    await lose_answers(Record("lost-answers", 3), records, databases, tmp_path, each=5)


@pytest.mark.faults
async def test_no_lost_answer_of_two_hundred_a_way_makes_a_second_message(
    records: list[Record], databases: Databases, tmp_path: Path
) -> None:
    await lose_answers(Record("lost-answers-long", 4), records, databases, tmp_path, each=200)


async def lose_answers(record: Record, records: list[Record], databases: Databases, tmp_path: Path, *, each: int) -> None:
    records.append(record)
    sends = Sends()
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path, patience=PATIENCE, settings=NO_BRAKE, **PACE) as place:
            await place.add_tenants([Tenant(id=TENANT, name=TENANT, settings=TenantSettings(unknown_ttl=UNKNOWN_TTL))])
            for place_of_way, way in enumerate(WAYS):
                for when in ("before", "after"):
                    # Others each time: what is unknown holds up what its customer is sent next.
                    first = (2 * place_of_way + (when == "after")) * each
                    contacts = await customers(place, first, each)
                    await switch(place, {f"{way}_{when}": 1.0})
                    sends.by_way[f"{way} {when}"] = await answer_all(place, contacts, f"{way}-{when}")
                    await attempted(place, sends.by_way[f"{way} {when}"])
            await switch(place, {})
            await until(lambda: nothing_open(place), timeout=60)
            got, messages = await arrivals(place), await outcomes(place)
    record.figures |= {
        "seconds": record.seconds(),
        "sends": sum(map(len, sends.by_way.values())),
        "silent doubles": sum(times - 1 for times in got.values()),
        "sent": sum(status in ("sent", "delivered", "read") for status, _ in messages.values()),
        "failed as outcome_unknown": sum(code == "outcome_unknown" for _, code in messages.values()),
    }
    record.is_complete = True
    assert {key: times for key, times in got.items() if times > 1} == {}, record.figures
    for name, ids in sends.by_way.items():
        ends = Counter(messages[message] for message in ids)
        if name.endswith("after"):
            assert {status for status, _ in ends} <= {"sent", "delivered", "read"}, (name, ends)
            assert all(got[message] == 1 for message in ids), name
        else:
            assert set(ends) == {("failed", "outcome_unknown")}, (name, ends)
            assert all(got[message] == 0 for message in ids), name


async def customers(place: Installation, first: int, count: int) -> list[str]:
    """The contact ids of new ones, as Genesys addresses them."""
    for number in range(first, first + count):
        answer = await place.post_meta(envelope(customer_message(f"wamid.hello.{number}", f"1555010{number:04}", at=now())))
        assert answer.status_code == 200

    async def are_there() -> bool:
        return bool(await place.value("SELECT count(*) FROM contacts") == first + count)

    await until(are_there, timeout=60)
    return [str(row["id"]) for row in await place.rows("SELECT id FROM contacts ORDER BY id DESC LIMIT $1", count)]


async def answer_all(place: Installation, contacts: Sequence[str], name: str) -> list[str]:
    """An agent's message to each; our ids of them."""
    for number, contact in enumerate(contacts):
        assert (await place.post_genesys(agent_message(f"{name}.{number}", contact))).status_code == 200
    wanted = [f"{name}.{number}" for number in range(len(contacts))]

    async def are_there() -> bool:
        return bool(
            await place.value("SELECT count(*) FROM messages WHERE genesys_message_id = ANY($1)", wanted) == len(wanted)
        )

    await until(are_there, timeout=60)
    rows = await place.rows("SELECT id FROM messages WHERE genesys_message_id = ANY($1)", wanted)
    return [str(row["id"]) for row in rows]


async def attempted(place: Installation, ids: Sequence[str]) -> None:
    """The first attempt of each has ended, while its answers are lost in this way."""

    async def are() -> bool:
        ended = await place.value(
            "SELECT count(DISTINCT d.message_id) FROM deliveries d JOIN delivery_attempts a USING (tenant_id, event_id, target)"
            " WHERE d.target = 'whatsapp' AND d.message_id = ANY($1::uuid[]) AND a.ended_at IS NOT NULL",
            list(ids),
        )
        return bool(ended == len(ids))

    await until(are, timeout=120)


async def nothing_open(place: Installation) -> bool:
    open_ = await place.value(
        "SELECT (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'unknown'))"
        " + (SELECT count(*) FROM messages WHERE direction = 'outbound' AND status = 'queued')"
        " + (SELECT count(*) FROM webhook_ledger WHERE state = 'pending')"
    )
    return bool(open_ == 0)


async def arrivals(place: Installation) -> Counter[str]:
    """How often WhatsApp took each message, by our id."""
    assert place.far is not None
    journal = (await place.far.get("/simulator/messages")).json()
    assert journal["complete"]
    return Counter(
        {sent["opaque"]: len(sent["wamids"]) for customer in journal["customers"] for sent in customer["whatsappGot"]}
    )


async def outcomes(place: Installation) -> dict[str, tuple[str, str | None]]:
    rows = await place.rows("SELECT id, status, error FROM messages WHERE tenant_id = $1 AND direction = 'outbound'", TENANT)
    return {str(row["id"]): (row["status"], (row["error"] or {}).get("code")) for row in rows}


async def switch(place: Installation, faults: dict[str, float]) -> None:
    assert place.far is not None
    answer = await place.far.put("/simulator/faults", json=faults)
    assert answer.status_code == 200, answer.text


def now() -> int:
    return int(time.time())
