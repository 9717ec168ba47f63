"""The data plane against dicts: look-ups, tracking, statuses, correlation, closing, expiry, of two tenants with the same ids.

After every step the tables of each tenant must say what its dicts say, and every answer must have been the expected one.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.world import START, SetClock, results_of, run_in
from waystate.contacts.model import Identity, IdentityKind
from waystate.conversations import store as conversation_store
from waystate.db.pool import Database
from waystate.deliveries import settle
from waystate.errors import Conflict, NotFound, Rejected, Unprocessable
from waystate.events import outbox
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.model import Correlation, Direction, StatusReport
from waystate.messages.status import parse_status
from waystate.pipeline.batch import Work
from waystate.pipeline.reports import run_statuses
from waystate.pipeline.run import run_correlations
from waystate.state import conversations
from waystate.state.changes import Changed, StatusChange, change_many
from waystate.state.track import Tracked, Tracking, track_many
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Tenant, TenantSettings
from waystate.tenants.routing import Directory
from waystate.vault.sealing import vault_of

T = TypeVar("T")

WORDS = {
    "outbound": {"queued": 0, "sent": 1, "delivered": 2, "failed": 3, "read": 4, "played": 4},
    "inbound": {"received": 0, "sent": 0, "failed": 3, "processed": 4, "delivered": 4, "read": 4},
}
"""The rank of each reported word, by direction."""
NAMES = {
    "outbound": {0: "queued", 1: "sent", 2: "delivered", 3: "failed", 4: "read"},
    "inbound": {0: "received", 3: "failed", 4: "processed"},
}
SETTINGS = (TenantSettings(correlation="genesys"), TenantSettings(correlation="local"))
OPEN = ("active", "waiting", "error")

TENANTS = st.integers(0, 1)
CUSTOMERS = st.sampled_from(["491700000001", "491700000002"])
NUMBERS = st.sampled_from(["", "1", "2"])
WAMIDS = st.sampled_from(["wamid.1", "wamid.2", "wamid.3", "wamid.4"])
MESSAGES = st.sampled_from(["message-1", "message-2", "message-3"])
"""Genesys' ids of messages."""
GENESYS = st.sampled_from(["genesys-1", "genesys-2"])
REPORTED = st.sampled_from(sorted({*WORDS["outbound"], *WORDS["inbound"], "nonsense"}))
WHICH = st.integers(0, 5)


def bounded(examples: int, steps: int, *, explains: bool = True) -> settings:
    """`explains`: what is found is made as short as it can be, which takes minutes."""
    return settings(
        phases=[Phase.generate, *([Phase.shrink] if explains else [])],
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Talk:
    id: UUID
    customer: str
    number: str
    activity: datetime
    expires: datetime
    status: str = "active"
    genesys: str | None = None


@dataclass
class Said:
    id: UUID
    talk: Talk
    direction: str
    rank: int
    wamid: str | None = None
    genesys_id: str | None = None


@dataclass
class Model:
    """One tenant's.

    `talks` are in the order they were opened; `said` are messages by either platform's id; `early` are (wamid, word, time) that
    wait for a message.
    """

    id: TenantId
    settings: TenantSettings
    talks: list[Talk] = field(default_factory=list)
    messages: list[Said] = field(default_factory=list)
    said: dict[str, Said] = field(default_factory=dict)
    early: dict[tuple[str, str, datetime], None] = field(default_factory=dict)

    def open_of(self, customer: str, number: str, now: datetime) -> Talk | None:
        found = [
            each
            for each in self.talks
            if each.customer == customer and number in ("", each.number) and each.status in OPEN and each.expires > now
        ]
        return max(found, key=lambda each: (each.activity, each.id), default=None)

    def named(self, name: str) -> Talk | None:
        """By either id; the open row, else the latest."""
        found = [each for each in self.talks if name in (str(each.id), each.genesys)]
        return max(found, key=lambda each: (each.status in OPEN, each.id), default=None)

    def known(self, wamid: str | None, genesys_id: str | None, talk: Talk, direction: str) -> Said | type[Conflict] | None:
        """What recording a message with these ids meets: a message, a contradiction, or nothing."""
        by_wamid, by_genesys = self.said.get(wamid or ""), self.said.get(genesys_id or "")
        found = by_wamid or by_genesys
        if found is None:
            return None
        if found.talk is not talk:
            return Conflict
        if by_wamid is None and wamid is not None and found.wamid is not None:
            return None
        if found.direction != direction:
            return Conflict
        if by_wamid is not None and genesys_id not in (None, by_wamid.genesys_id):
            return Conflict if by_wamid.genesys_id is not None or by_genesys is not None else found
        return found

    def report(self, wamid: str, word: str) -> None:
        said = self.said[wamid]
        said.rank = max(said.rank, WORDS[said.direction].get(word, 0))


class DataPlane(RuleBasedStateMachine):
    """`db` and `loop` are of the whole run; each example has two tenants of its own."""

    db: ClassVar[Database]
    loop: ClassVar[asyncio.AbstractEventLoop]
    examples: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def run(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.loop.run_until_complete(waited())

    @initialize()
    def begin(self) -> None:
        cls = type(self)
        cls.examples += 1
        self.clock = SetClock(START)
        self.models = [Model(TenantId(f"t{cls.examples}-{place}"), each) for place, each in enumerate(SETTINGS)]
        self.directory = Directory(self.db, vault_of(bytes(range(32))))
        self.run(self._add())
        for tenant in range(len(self.models)):
            self._look_up(tenant, "491700000001", "1")

    async def _add(self) -> None:
        async with self.db.work() as conn:
            rows = [Tenant(id=each.id, name=each.id, settings=each.settings) for each in self.models]
            await tenant_store.upsert_many(conn, rows)

    @rule(tenant=TENANTS, customer=CUSTOMERS, number=NUMBERS)
    def look_up(self, tenant: int, customer: str, number: str) -> None:
        self._look_up(tenant, customer, number)

    def _look_up(self, tenant: int, customer: str, number: str) -> None:
        model, now = self.models[tenant], self.clock()
        wanted = [(Identity(IdentityKind.WA_ID, customer), number)]
        (found,) = self.run(conversations.get_or_open_many(model.id, model.settings, wanted, "1", self.db, self.clock))
        expected = model.open_of(customer, number, now)
        assert found.is_new == (expected is None)
        if expected is None:
            number = number or "1"
            for each in model.talks:
                if (each.customer, each.number) == (customer, number) and each.status in OPEN:
                    each.status = "expired"
            assert found.conversation.id not in {each.id for other in self.models for each in other.talks}
            expires = now + model.settings.mapping_ttl
            expected = Talk(found.conversation.id, customer, number, now, expires)
            model.talks.append(expected)
        assert (found.conversation.id, found.conversation.genesys_conversation_id) == (expected.id, expected.genesys)

    def judge(self, tenant: TenantId, work: Work, *items: object) -> list[Any]:
        return results_of(self.run(run_in(self.db, self.directory, self.clock, tenant, work, items)))

    @rule(tenant=TENANTS, which=WHICH, genesys=GENESYS, foreign=st.booleans(), by_genesys=st.booleans())
    def find(self, tenant: int, which: int, genesys: str, foreign: bool, by_genesys: bool) -> None:
        model = self.models[tenant]
        name = genesys if by_genesys else self._own_name(self.models[1 - tenant] if foreign else model, which)
        (found,) = self.run(conversations.find_conversations(model.id, [name], self.db))
        expected = model.named(name)
        assert (None if found is None else found.id) == (None if expected is None else expected.id)

    @rule(
        tenant=TENANTS,
        which=WHICH,
        foreign=st.booleans(),
        wamid=st.none() | WAMIDS,
        genesys_id=st.none() | MESSAGES,
        direction=st.sampled_from(["inbound", "outbound", "outbound"]),
        rank=st.integers(0, 4),
    )
    def track(
        self,
        tenant: int,
        which: int,
        foreign: bool,
        wamid: str | None,
        genesys_id: str | None,
        direction: str,
        rank: int,
    ) -> None:
        model, now = self.models[tenant], self.clock()
        rank = rank if rank in NAMES[direction] else 0
        name = self._own_name(self.models[1 - tenant] if foreign else model, which)
        word = parse_status(NAMES[direction][rank], Direction(direction))
        assert word is not None
        wanted = Tracking(
            conversation_id=name, direction=Direction(direction), status=word, wamid=wamid, genesys_message_id=genesys_id
        )
        (answer,) = self.judge(model.id, partial(track_many, self.directory), wanted)
        talk = model.named(name)
        if talk is None:
            assert isinstance(answer, NotFound)
            return
        known = model.known(wamid, genesys_id, talk, direction)
        if known is Conflict:
            assert isinstance(answer, Conflict)
            return
        assert isinstance(answer, Tracked)
        assert answer.created == (known is None)
        if not isinstance(known, Said):
            known = Said(answer.message_id, talk, direction, rank, wamid, genesys_id)
            model.messages.append(known)
            if talk.status in OPEN and talk.expires > now:
                talk.activity, talk.expires = now, max(talk.expires, now + model.settings.mapping_ttl)
        assert known.id == answer.message_id
        known.rank = max(known.rank, rank)
        known.wamid, known.genesys_id = known.wamid or wamid, known.genesys_id or genesys_id
        for key in (wamid, genesys_id):
            if key is not None:
                model.said.setdefault(key, known)

    @rule(tenant=TENANTS, wamid=WAMIDS, word=REPORTED)
    def report(self, tenant: int, wamid: str, word: str) -> None:
        """As a webhook does; what comes before its message waits for it."""
        model = self.models[tenant]
        said = StatusReport(wamid=wamid, status=word, at=self.clock())
        self.judge(model.id, run_statuses, said)
        if wamid in model.said:
            model.report(wamid, word)
        else:
            model.early[wamid, word, self.clock()] = None

    @rule(tenant=TENANTS)
    def pair(self, tenant: int) -> None:
        model = self.models[tenant]
        self.run(self._pair(model.id))
        for early in [each for each in model.early if each[0] in model.said]:
            del model.early[early]
            model.report(*early[:2])

    async def _pair(self, tenant: TenantId) -> None:
        async with self.db.tenant(tenant) as conn:
            reports = await message_store.take_watched(conn, tenant, 100)
            advanced = await settle.advance_and_settle(conn, tenant, reports, self.clock())
            await outbox.append_many(conn, tenant, advanced.events)

    @rule(tenant=TENANTS, wamid=WAMIDS | MESSAGES, word=REPORTED, foreign=st.booleans())
    def change(self, tenant: int, wamid: str, word: str, foreign: bool) -> None:
        """By hand; the message may be named by our own id, and that may be the other tenant's."""
        model, other = self.models[tenant], self.models[1 - tenant]
        theirs = other.said.get(wamid)
        name = str(theirs.id) if foreign and theirs is not None else wamid
        change = StatusChange(message_id=name, status=word, at=self.clock())
        (answer,) = self.judge(model.id, partial(change_many, self.directory), change)
        said = model.said.get(name)
        if said is None:
            assert isinstance(answer, NotFound)
        elif word not in WORDS[said.direction]:
            assert isinstance(answer, Unprocessable)
        elif WORDS[said.direction][word] < said.rank:
            assert isinstance(answer, Conflict)
        else:
            model.report(name, word)
            assert isinstance(answer, Changed)
            assert (answer.message_id, answer.status) == (said.id, NAMES[said.direction][said.rank])

    @rule(tenant=TENANTS, wamid=WAMIDS, genesys=GENESYS)
    def correlate(self, tenant: int, wamid: str, genesys: str) -> None:
        model = self.models[tenant]
        wanted = Correlation(conversation_id=genesys, whatsapp_message_id=wamid)
        judged = self.run(run_in(self.db, self.directory, self.clock, model.id, run_correlations, [wanted]))
        (verdict,) = judged.verdicts
        if wamid not in model.said:
            assert isinstance(verdict.error, Rejected)
            return
        talk = model.said[wamid].talk
        assert verdict.error is None
        assert len(verdict.events) == (talk.genesys != genesys)
        talk.genesys = genesys

    @rule(tenant=TENANTS, which=WHICH)
    def close(self, tenant: int, which: int) -> None:
        """As an agent's disconnect will."""
        model = self.models[tenant]
        if not model.talks:
            return
        talk = model.talks[which % len(model.talks)]
        self.run(self._close(model.id, talk.id))
        if talk.status in OPEN:
            talk.status = "closed"

    async def _close(self, tenant: TenantId, conversation: UUID) -> None:
        async with self.db.tenant(tenant) as conn:
            await conn.execute(
                "UPDATE conversations SET status = 'closed', closed_at = $2, close_reason = 'test'"
                " WHERE id = $1 AND status IN ('active', 'waiting', 'error')",
                conversation,
                self.clock(),
            )

    @rule(tenant=TENANTS)
    def expire(self, tenant: int) -> None:
        model, now = self.models[tenant], self.clock()
        due = [each for each in model.talks if each.status in OPEN and each.expires <= now]
        ended = self.run(self._expire(model.id))
        assert {each.id for each in ended} == {each.id for each in due}
        for each in due:
            each.status = "expired"

    async def _expire(self, tenant: TenantId) -> list[Any]:
        async with self.db.tenant(tenant) as conn:
            return list(await conversation_store.expire_due(conn, tenant, self.clock(), 1000))

    @rule(hours=st.sampled_from([0.001, 1, 30, 71]))
    def wait(self, hours: float) -> None:
        self.clock.forward(hours=hours)

    @invariant()
    def the_tables_say_the_same(self) -> None:
        cls = type(self)
        cls.steps += 1
        for model in getattr(self, "models", []):
            talks, messages, keys, early = self.run(self._tables(model.id))
            assert talks == {
                each.id: (each.status, each.genesys, each.number, each.activity, each.expires) for each in model.talks
            }
            assert messages == {
                each.id: (each.wamid, each.genesys_id, each.talk.id, NAMES[each.direction][each.rank])
                for each in model.messages
            }
            assert keys == {key: each.id for key, each in model.said.items()}
            assert early == set(model.early)

    async def _tables(self, tenant: TenantId) -> tuple[dict[UUID, Any], dict[UUID, Any], dict[str, UUID], set[Any]]:
        async with self.db.tenant(tenant) as conn:
            talks = await conn.fetch(
                "SELECT id, status, genesys_conversation_id, phone_number_id, last_activity_at, expires_at FROM conversations"
            )
            messages = await conn.fetch("SELECT id, wamid, genesys_message_id, conversation_id, status FROM messages")
            keys = await conn.fetch("SELECT external_id, message_id FROM message_keys")
            early = await conn.fetch("SELECT external_id, status, at FROM early_statuses")
        return (
            {row[0]: tuple(row)[1:] for row in talks},
            {row[0]: tuple(row)[1:] for row in messages},
            {row[0]: row[1] for row in keys},
            {tuple(row) for row in early},
        )

    @staticmethod
    def _own_name(model: Model, which: int) -> str:
        """An id of ours; of a model without conversations, nobody's."""
        return str(model.talks[which % len(model.talks)].id) if model.talks else str(UUID(int=which + 1))


def machine_on(url: str, loop: asyncio.AbstractEventLoop) -> type[DataPlane]:
    db = loop.run_until_complete(Database.open(url, pool_size=2))
    return type("DataPlaneHere", (DataPlane,), {"db": db, "loop": loop, "examples": 0, "steps": 0})
