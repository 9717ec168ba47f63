"""R15: PostgreSQL is away while Genesys posts and gives up. What was acknowledged is there; what was not is found and shown."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.acceptance.installation import (
    BY_HAND,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    observe,
    until,
)
from tests.databases import temporary_home
from tests.integration.reconciliation.far_side import GenesysSide, instant
from tests.world import LANES, SetClock
from waystate.channels.genesys.client import GenesysClient
from waystate.clock import utc_now
from waystate.db import migrate
from waystate.db.embedded import EmbeddedPostgres
from waystate.keys import store as key_store
from waystate.reconciliation.reconcile import Reconciliation
from waystate.web.metrics import Metrics

TRIES = 6
"""A post and its five repetitions."""
PAUSE = 0.05
"""Seconds between tries, a hundredth of Genesys' own."""
ANSWERED_IN = 1.0
"""Seconds within which each try is answered, of the 10 that Genesys waits."""


@dataclass
class Gap:
    place: Installation
    postgres: EmbeddedPostgres
    key: str
    reconciliation: Reconciliation
    genesys: GenesysSide
    clock: SetClock
    random: Random
    conversations: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0

    async def meet(self, customers: int) -> None:
        """Each customer has a conversation that the simulated Genesys has named."""
        now = int(time.time())
        for number in range(customers):
            sender = f"155504{number:05d}"
            await self.place.post_meta(envelope(customer_message(f"wamid.{number}", sender, at=now)))
        await self.place.settled(timeout=30)
        rows = await self.place.rows("SELECT wa_id, genesys_conversation_id FROM conversations")
        self.conversations = {row["wa_id"]: row["genesys_conversation_id"] for row in rows}
        assert all(self.conversations.values())
        assert len(self.conversations) == customers
        self.genesys.conversations = set(self.conversations.values())

    async def write(self, name: str, customer: str) -> None:
        """As an agent: Genesys has it, and tries to hand it over until it gives up."""
        conversation, text = self.conversations[customer], f"Text of {name}"
        self.genesys.say(name, self.clock.now, text, conversation=conversation)
        body = agent_message(name, customer, text, conversationId=conversation)
        body["channel"]["time"] = instant(self.clock.now)
        for _ in range(TRIES):
            began = time.monotonic()
            answer = await self.place.post_genesys(body)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers[answer.status_code] += 1
            if answer.is_success:
                self.taken.add(name)
                return
            await asyncio.sleep(PAUSE)
        self.lost.add(name)

    async def outage(self, number: int, messages: int) -> None:
        """Ten minutes by the clock; some agents write so late in it that Genesys is still trying when it is over."""
        customers = list(self.conversations)
        self.clock.now = max(self.clock.now, utc_now())
        await self.reconciliation.beat()
        await asyncio.gather(*(self.write(f"before.{number}.{each}", self.random.choice(customers)) for each in range(3)))
        await asyncio.to_thread(self.postgres.stop, "immediate")
        await asyncio.gather(
            *(self.write(f"during.{number}.{each}", self.random.choice(customers)) for each in range(messages))
        )
        starting = asyncio.create_task(asyncio.to_thread(self.postgres.start))
        late = [self.write_when(f"late.{number}.{each}", self.random.choice(customers)) for each in range(messages)]
        await asyncio.gather(starting, *late)
        await until(self.is_healthy, timeout=20)
        self.place.database = await observe(self.postgres.url())
        self.clock.forward(minutes=10)
        assert await self.reconciliation.beat()
        self.clock.forward(minutes=4)
        await self.place.settled(timeout=30)

    async def write_when(self, name: str, customer: str) -> None:
        await asyncio.sleep(self.random.uniform(0, 1.5))
        await self.write(name, customer)

    async def is_healthy(self) -> bool:
        return (await self.place.http.get("/health")).status_code == 200

    async def letters(self) -> dict[str, str]:
        """Message id → letter id, of what was found missing."""
        rows = await self.place.rows(
            "SELECT id, original_payload FROM dead_letters WHERE reason = 'missed_genesys_message' AND status = 'open'"
        )
        for row in rows:
            assert row["original_payload"]["text"] == f"Text of {row['original_payload']['genesys_message_id']}"
        return {row["original_payload"]["genesys_message_id"]: str(row["id"]) for row in rows}

    async def tracked(self) -> Counter[str]:
        rows = await self.place.rows("SELECT genesys_message_id AS name FROM messages WHERE direction = 'outbound'")
        return Counter(row["name"] for row in rows)


@pytest.fixture
async def gap(tmp_path: Path) -> AsyncIterator[Gap]:
    clock, genesys = SetClock(utc_now()), GenesysSide(present=("customer", "agent"))
    with temporary_home() as home:
        postgres = EmbeddedPostgres(home)
        url = await asyncio.to_thread(postgres.start)
        try:
            migrate.upgrade(url)
            async with installed_with_far_sides(url, tmp_path, **BY_HAND) as place, genesys.client() as http:
                async with place.app.db.tenant(TENANT) as conn:
                    _, key = await key_store.create_key(conn, TENANT, "faults", utc_now())
                db, directory = place.app.db, place.app.directory
                changed = place.app.services.invalidations.changed
                client = GenesysClient(http)
                reconciliation = Reconciliation(db, directory, client, Metrics(), changed, clock, lanes=LANES)
                yield Gap(place, postgres, key, reconciliation, genesys, clock, Random(15))
        finally:
            await asyncio.to_thread(postgres.stop, "immediate")


async def found(gap: Gap, *, customers: int, outages: int, messages: int) -> None:
    await gap.meet(customers)
    for number in range(outages):
        await gap.outage(number, messages)
        await gap.reconciliation.reconcile_all()
        assert set(await gap.letters()) == gap.lost
    await gap.reconciliation.reconcile_all()
    assert await gap.tracked() == Counter(gap.taken)
    missed = await gap.place.rows("SELECT data FROM events WHERE type = 'message.missed'")
    assert Counter(row["data"]["genesys_message_id"] for row in missed) == Counter(gap.lost)
    assert set(gap.answers) == {200, 503}
    assert gap.lost
    assert gap.slowest < ANSWERED_IN
    for letter in (await gap.letters()).values():
        answer = await gap.place.http.post(f"/v1/dead-letters/{letter}/replay", headers={"x-api-key": gap.key})
        assert answer.status_code == 200, answer.text
    await gap.place.settled(timeout=60)
    assert await gap.tracked() == Counter(gap.taken | gap.lost)
    sent = await gap.place.value("SELECT count(*) FROM messages WHERE direction = 'outbound' AND wamid IS NOT NULL")
    assert sent == len(gap.taken | gap.lost)
    assert timedelta(0) < gap.clock.now - utc_now()


async def test_what_genesys_gave_up_in_an_outage_is_found_and_a_replay_sends_it(gap: Gap) -> None:
    await found(gap, customers=3, outages=1, messages=5)


@pytest.mark.faults
async def test_what_genesys_gave_up_in_twenty_outages_is_found(gap: Gap) -> None:
    await found(gap, customers=20, outages=20, messages=20)
