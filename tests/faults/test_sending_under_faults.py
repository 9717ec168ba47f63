"""A business writes in every way it may while agents answer, customers write and both platforms misbehave: nothing is lost,
doubled or out of order, and of whatever is refused or fails the reason is told."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_record import Record
from tests.faults.harness_sends import Answered, Business, business_of
from waystate.clock import iso, utc_now
from waystate.documents import JsonObject
from waystate.simulator.customers import make_customer

RATES = {
    "duplicates": 0.1,
    "reordering": 0.3,
    "early_statuses": 0.3,
    "undeliverable": 0.1,
    "throttle": 0.01,
    "server_errors": 0.03,
    "lost_answers": 0.05,
}
OUTAGE = 2.0
"""Seconds in which both platforms answer 503, each time; the switch ends it by itself and leaves the rates."""
REST = 5.0
"""Seconds without an outage at the end, at the least."""
PACE: dict[str, Any] = {
    "agent_reply_share": 0.5,
    "answer_delay": 0.01,
    # As strict as WhatsApp but for the number's rate, so that what an outage left is soon made up for.
    "rules": {"messages_per_second": 10_000},
}
CUSTOMERS_RATE, BUSINESS_RATE = 20.0, 20.0
"""A second; agents answer half of what customers write: 50 messages a second in all."""
AT_ONCE = 64
TEMPLATE: JsonObject = {"type": "template", "template": {"name": "welcome", "language": {"code": "en_US"}}}
TEXT: JsonObject = {"type": "text", "text": {"body": "Your order left today."}}
BUTTONS: JsonObject = {
    "type": "interactive",
    "interactive": {
        "type": "button",
        "body": {"text": "Keep it?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]},
    },
}
_FAILED = "SELECT id FROM messages WHERE direction = 'outbound' AND status = 'failed'"


async def test_sending_through_platforms_that_misbehave_is_never_a_surprise(database_url: str, records: list[Record]) -> None:
    async with harness("sending", 14, records, url=database_url, pace=PACE) as run:
        await send_and_misbehave(run, seconds=20, customers=100, limit=120)


@pytest.mark.faults
async def test_ten_minutes_of_sending_through_platforms_that_misbehave(records: list[Record]) -> None:
    async with harness("sending-long", 140, records, pace=PACE) as run:
        await send_and_misbehave(run, seconds=600, customers=400, limit=600)


async def send_and_misbehave(run: Harness, *, seconds: float, customers: int, limit: float) -> None:
    await run.serve.run()
    async with business_of(run) as business:
        writing = Writing(run, business, customers)
        await writing.ask("15559999999", "/v1/messages", TEMPLATE)  # while the list of templates can be fetched
        await run.control("POST", "/load", {"customers": customers, "rate": CUSTOMERS_RATE})
        misbehaving = asyncio.create_task(misbehave(run, seconds))
        await writing.go_on(seconds, BUSINESS_RATE)
        outages = await misbehaving
        await run.control("DELETE", "/load")
        await run.control("PUT", "/faults", {})
        stopped = run.record.seconds()
        state = await run.drained(limit)
        run.record.figures["seconds to drain"] = round(run.record.seconds() - stopped, 1)
        findings = await run.find()
        failed = await find_unexplained(run, business)
    run.record.figures |= {
        "asked for over HTTP": sum(writing.kinds.values()),
        **{f"asked for: {name}": count for name, count in sorted(writing.kinds.items())},
        **{f"refused at once: {code}": count for code, count in sorted(writing.refused.items())},
        **{f"failed: {code}": count for code, count in sorted(failed.items())},
        "outages": outages,
        **{f"struck by {name}": count for name, count in state["struck"].items()},
    }
    struck = {name for name, count in state["struck"].items() if count}
    assert struck == {*RATES, "outage"}, "a fault that never struck proves nothing"
    assert findings.problems == [], run.evidence()
    assert {"window_closed", "not_in_control"} <= writing.refused.keys(), "a refusal that never came proves nothing"
    assert writing.unexplained == [], run.evidence()
    lost = state["struck"]["server_errors"] + state["struck"]["outage"]
    assert len(findings.unknown) <= lost, f"a send whose status came is still unknown; {run.evidence()}"


class Writing:
    """What the business asks for, in turn by chance; to one customer one after the other."""

    def __init__(self, run: Harness, business: Business, customers: int) -> None:
        self._run = run
        self._business = business
        self._random = run.random
        self._known = [make_customer(run.simulated, number).id for number in range(customers)]
        self._strangers = [f"49151{number:08}" for number in range(customers)]
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.kinds: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unexplained: list[Any] = []
        self._ways: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            ("a text", 0.35, lambda: self.ask(self._customer(), "/v1/messages", TEXT)),
            ("a text, whoever speaks", 0.2, lambda: self.ask(self._customer(), "/v1/messages/bulk", TEXT)),
            ("buttons, whoever speaks", 0.1, lambda: self.ask(self._customer(), "/v1/messages/bulk", BUTTONS)),
            ("a template", 0.1, lambda: self.ask(self._customer(), "/v1/messages", TEMPLATE)),
            ("a template to a stranger", 0.05, lambda: self.ask(self._stranger(), "/v1/messages", TEMPLATE)),
            ("a text to a stranger", 0.1, lambda: self.ask(self._stranger(), "/v1/messages", TEXT)),
            ("a text, planned", 0.05, lambda: self.ask(self._customer(), "/v1/messages", TEXT | self._soon())),
            ("a template, planned", 0.05, lambda: self.ask(self._customer(), "/v1/messages", TEMPLATE | self._soon())),
        ]

    async def go_on(self, seconds: float, rate: float) -> None:
        now = asyncio.get_running_loop().time
        started, room = now(), asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number in range(round(seconds * rate)):
                await asyncio.sleep(max(0.0, started + number / rate - now()))
                ((name, _, ask),) = self._random.choices(self._ways, [weight for _, weight, _ in self._ways])
                self.kinds[name] += 1
                await room.acquire()
                group.create_task(ask()).add_done_callback(lambda _: room.release())  # type: ignore[arg-type]

    async def ask(self, to: str, path: str, content: JsonObject) -> None:
        message = {"to": to, **content}
        async with self._turns[to]:
            if path.endswith("bulk"):
                answered = _only(await self._business.post(path, {"mode": "each", "messages": [message]}))
            else:
                answered = await self._business.post(path, message)
            if answered.status == 202:
                self._run.asked.setdefault(to, []).append(answered.id)
                return
        self.refused[str(answered.said.get("code"))] += 1
        if not (answered.said.get("code") and answered.said.get("detail")):
            self.unexplained.append(answered)

    def _customer(self) -> str:
        return self._random.choice(self._known)

    def _stranger(self) -> str:
        return self._random.choice(self._strangers)

    def _soon(self) -> JsonObject:
        return {"sendAt": iso(utc_now() + timedelta(seconds=self._random.uniform(1, 5)))}


def _only(answered: Answered) -> Answered:
    """Of the one message of a call for many."""
    if answered.status != 202:
        return answered
    (message,), refused = answered.said["messages"], answered.said["refused"]
    return Answered(409, refused[0]) if message is None else Answered(202, message)


async def misbehave(run: Harness, seconds: float) -> int:
    """All faults, and an outage now and then, after which a number rests for a while; how many of those."""
    outages, until = 0, run.record.seconds() + seconds
    await run.control("PUT", "/faults", RATES)
    while (left := until - run.record.seconds()) > 2 * REST:
        pause = min(run.random.uniform(40, 60), left / 2)
        run.record.schedule.append(("outage after", round(pause, 2)))
        await asyncio.sleep(pause)
        await run.control("PUT", "/faults", RATES | {"outage": OUTAGE})
        await asyncio.sleep(OUTAGE)
        outages += 1
    await asyncio.sleep(max(0.0, left))
    return outages


async def find_unexplained(run: Harness, business: Business) -> Counter[str]:
    """How often messages failed, by code; the trace of each says why in a status of its own, with a code and in words."""
    async with run.database() as connection:
        ids = [str(row["id"]) for row in await connection.fetch(_FAILED)]
    codes: Counter[str] = Counter()
    for each in ids:
        trace = await business.get(f"/v1/messages/{each}/trace")
        errors = [said["error"] or {} for said in trace["statuses"] if said["status"] == "failed" and said["applied"]]
        assert errors, (each, trace["why"])
        assert all(error.get("code") and error.get("title") for error in errors), (each, errors)
        assert trace["why"].startswith("It failed: "), (each, trace["why"])
        codes[str(errors[-1]["code"])] += 1
    return codes
