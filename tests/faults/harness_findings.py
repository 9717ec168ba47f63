"""What a run came to: the database's rows against the far sides' journals, hop by hop. A right run has no problem.

Lost, doubled and out of order are decided here and nowhere else, so what planted bugs prove of the checks holds for every run.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import asyncpg

from tests.faults.harness_backlog import Body, Message
from tests.faults.harness_tenant import TENANT
from waystate.messages.status import OUTCOME_UNKNOWN

_SHOWN = 3
"""Examples named in a problem."""
_INTERRUPTED = "SELECT count(*) FROM delivery_attempts WHERE target = 'whatsapp' AND error->>'code' = 'interrupted'"

WITHHELD = "controller_changed"
"""The code of what a business said and was not sent, since somebody else took its conversation over."""

Rows = Sequence[dict[str, Any]]
Asked = Mapping[str, Sequence[str]]
"""Customer → ids of the messages, or planned ones, that a business was told are taken, in the order of its asking."""


@dataclass(slots=True)
class Findings:
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Messages whose send nobody can tell of: allowed, and told."""

    def expect(self, what: str, wrong: Iterable[Any]) -> None:
        found = list(wrong)
        self.counts[what] = len(found)
        if found:
            self.problems.append(f"{what}: {len(found)}, such as {found[:_SHOWN]}")


@dataclass(slots=True)
class Seen:
    """Everything that was written down, in order."""

    ledger: Rows
    messages: Rows
    events: Rows
    deliveries: Rows
    others: dict[str, int]
    """Tables that should be empty, by what a row in them would be."""
    interrupted: int
    """Sends to WhatsApp that were under way when their process died."""
    written: dict[str, Message]
    """By wamid: what customers wrote."""
    views: Rows
    """The simulator's journal, by customer."""
    state: dict[str, Any]
    delivers: bool
    relays: bool
    asked: Asked
    planned: Rows

    @property
    def withheld(self) -> set[str]:
        """Only where a business writes beside the agents."""
        failed = [each for each in self.messages if self.asked and each["direction"] == "outbound" and each["error"]]
        return {str(each["id"]) for each in failed if json.loads(each["error"]).get("code") == WITHHELD}

    def of(self, side: str) -> Rows:
        return list(chain.from_iterable(view[side] for view in self.views))


async def look(
    connection: asyncpg.Connection,
    journal: dict[str, Any],
    state: dict[str, Any],
    bodies: Sequence[Body] = (),
    asked: Asked | None = None,
    *,
    delivers: bool = True,
    relays: bool = True,
) -> Findings:
    """Without `delivers` somebody else calls the platforms: nothing is to be seen there. Without `relays` nobody relays.

    One snapshot: what a timer settles between two looks would be seen half.
    """
    assert journal["complete"], "the simulator's journal overflowed"
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        seen = await _look(connection, journal, state, bodies, asked, delivers=delivers, relays=relays)
    findings = Findings()
    for check in (
        (_inbound, _genesys, _outbound, _sends, _statuses, _order, _at_rest) if delivers else (_inbound, _order, _at_rest)
    ):
        check(seen, findings)
    findings.counts |= _counts(seen)
    return findings


async def _look(
    connection: asyncpg.Connection,
    journal: dict[str, Any],
    state: dict[str, Any],
    bodies: Sequence[Body],
    asked: Asked | None,
    *,
    delivers: bool,
    relays: bool,
) -> Seen:
    return Seen(
        ledger=await _rows(
            connection, "SELECT id, source, state, outcome, body, number FROM webhook_ledger ORDER BY taken, id"
        ),
        messages=await _rows(
            connection, "SELECT id, direction, status, wamid, genesys_message_id, error FROM messages ORDER BY id"
        ),
        events=await _rows(
            connection,
            "SELECT id, type, position, message_id, data->>'wamid' AS wamid, data->>'genesys_message_id' AS genesys_message_id,"
            " position <= (SELECT c.position FROM sink_cursors c WHERE c.tenant_id = e.tenant_id AND c.sink = 'deliveries')"
            " AS is_relayed FROM events e WHERE tenant_id = $1 ORDER BY position",
            TENANT,
        ),
        deliveries=await _rows(
            connection, "SELECT target, state, position, attempts, message_id FROM deliveries ORDER BY position"
        ),
        others=await _others(connection),
        interrupted=await connection.fetchval(_INTERRUPTED),
        written=_written(bodies, journal["customers"]),
        views=journal["customers"],
        state=state,
        delivers=delivers,
        relays=relays,
        asked=asked or {},
        planned=await _rows(connection, "SELECT id, state, message_id, error FROM planned_messages"),
    )


def _inbound(seen: Seen, findings: Findings) -> None:
    """Every acknowledged message: one row, one event, one delivery."""
    inbound = [each for each in seen.messages if each["direction"] == "inbound"]
    rows = Counter(each["wamid"] for each in inbound)
    events = Counter(each["wamid"] for each in seen.events if each["type"] == "inbound.enriched")
    findings.expect("inbound lost: no message row", seen.written.keys() - rows.keys())
    findings.expect("inbound from nowhere", rows.keys() - seen.written.keys())
    findings.expect("inbound doubled: several message rows", _more_than_one(rows))
    findings.expect("inbound without an event", rows.keys() - events.keys())
    findings.expect("inbound event doubled", _more_than_one(events))
    if not seen.delivers:
        findings.expect("deliveries though others deliver", seen.deliveries)
        return
    made = Counter(each["message_id"] for each in seen.deliveries if each["target"] == "genesys")
    findings.expect("inbound without a delivery", {each["id"] for each in inbound} - made.keys())
    findings.expect("inbound delivery doubled", _more_than_one(made))


def _genesys(seen: Seen, findings: Findings) -> None:
    """At least once, always with the same (messageId, time): the journal has one entry a pair and counts its repeats."""
    received = Counter(each["messageId"] for each in seen.of("genesysReceived"))
    findings.expect("never reached Genesys", seen.written.keys() - received.keys())
    findings.expect("reached Genesys under another time", _more_than_one(received))
    findings.expect("from nowhere at Genesys", received.keys() - seen.written.keys())


def _outbound(seen: Seen, findings: Findings) -> None:
    """Every acknowledged answer of an agent: one row, one event, one delivery; at WhatsApp once, or unknown and told."""
    accepted = {each["id"] for each in seen.of("agentReplied") if each["accepted"]}
    outbound = [each for each in seen.messages if each["direction"] == "outbound"]
    rows = Counter(each["genesys_message_id"] for each in outbound if each["genesys_message_id"])
    processed = [each for each in seen.events if each["type"] == "outbound.processed"]
    events = Counter(each["genesys_message_id"] for each in processed if each["genesys_message_id"])
    withheld = seen.withheld
    states = {str(each["message_id"]): each["state"] for each in seen.deliveries if each["target"] == "whatsapp"}
    got = {each["opaque"]: each for each in seen.of("whatsappGot")}
    findings.expect("answers that the platform gave up", {each["id"] for each in seen.of("agentReplied")} - accepted)
    findings.expect("answers lost: no message row", accepted - rows.keys())
    findings.expect("answers doubled: several message rows", _more_than_one(rows))
    findings.expect("answers without an event", accepted - events.keys())
    findings.expect("answer's event doubled", _more_than_one(events))
    findings.expect("answers without a delivery", {str(each["id"]) for each in outbound} - states.keys() - withheld)
    findings.expect("silently doubled at WhatsApp", [key for key, each in got.items() if len(each["wamids"]) > 1])
    findings.expect("at WhatsApp without our id", [each for each in got if each not in states])
    findings.expect("arrived and not known as sent", [key for key in got if states.get(key) != "sent"])
    findings.expect("at WhatsApp though withheld", withheld & got.keys())
    never = states.keys() - got.keys() - withheld
    # Nobody knows of them, and after `unknown_ttl` that is what they failed of.
    failed = [each for each in outbound if each["status"] == "failed" and each["error"]]
    untold = {str(each["id"]) for each in failed if json.loads(each["error"]).get("code") == OUTCOME_UNKNOWN}
    findings.expect("never arrived and not known as unknown", [key for key in never - untold if states[key] != "unknown"])
    findings.unknown = sorted(key for key, state in states.items() if state == "unknown")


def _sends(seen: Seen, findings: Findings) -> None:
    """Every send of a business that was taken: one row and one event, at once or when it is due, in the order of asking."""
    planned = {str(each["id"]): each for each in seen.planned}
    became = [str(each["message_id"]) for each in seen.planned if each["state"] == "released"]
    taken = [each for ids in seen.asked.values() for each in ids]
    said = {str(each["id"]) for each in seen.messages if each["direction"] == "outbound" and each["genesys_message_id"] is None}
    events = Counter(str(each["message_id"]) for each in seen.events if each["type"] == "outbound.processed")
    findings.expect("sends lost: no message row", {*taken} - planned.keys() - said)
    findings.expect("sends from nowhere", said - {*taken, *became})
    # An agent's message stands behind what waits for its customer.
    agents = {str(each["id"]) for each in seen.messages if each["genesys_message_id"] is not None}
    behind = {key for key, each in planned.items() if str(each["message_id"]) in agents}
    findings.expect("planned from nowhere", planned.keys() - {*taken} - behind)
    findings.expect("planned and released twice", _more_than_one(Counter(became)))
    findings.expect("planned and not released", [key for key, each in planned.items() if each["state"] == "waiting"])
    findings.expect("planned, failed and not explained", [key for key, each in planned.items() if not _is_explained(each)])
    findings.expect("sends without an event", said - events.keys())
    findings.expect("send's event doubled", [each for each in said if events[each] > 1])
    place = {str(each["message_id"]): each["position"] for each in seen.deliveries if each["target"] == "whatsapp"}
    positions = {key: [place[each] for each in ids if each in place] for key, ids in seen.asked.items()}
    findings.expect("order inverted: sends", [key for key, each in positions.items() if _is_inverted(each)])


def _is_explained(planned: dict[str, Any]) -> bool:
    error = json.loads(planned["error"]) if planned["error"] else {}
    return planned["state"] != "failed" or bool(error.get("code") and error.get("title"))


def _is_inverted(positions: Iterable[int]) -> bool:
    return any(before > after for before, after in pairwise(positions))


def _statuses(seen: Seen, findings: Findings) -> None:
    """Final everywhere, and as the customers saw it; agents are told."""
    final = {str(each["id"]): each for each in seen.messages if each["direction"] == "outbound"}
    told = {each["id"]: each["status"] for each in seen.of("receipts")}
    arrived = [final[each["opaque"]] for each in seen.of("whatsappGot") if each["opaque"] in final]
    findings.expect(
        "sends without a final status", [each["id"] for each in arrived if each["status"] not in ("read", "failed")]
    )
    findings.expect(
        "sends whose agent was told nothing or something else",
        [
            (each["id"], each["status"], told.get(each["genesys_message_id"]))
            for each in arrived
            if each["genesys_message_id"]
            and told.get(each["genesys_message_id"]) != {"read": "Delivered", "failed": "Failed"}.get(each["status"])
        ],
    )
    inbound = [each for each in seen.messages if each["direction"] == "inbound"]
    findings.expect("customers' messages not processed", [each["wamid"] for each in inbound if each["status"] != "processed"])
    undeliverable = seen.state["struck"].get("undeliverable", 0)
    failed = sum(each["status"] == "failed" for each in arrived)
    findings.expect("failed, but not because undeliverable", range(failed - undeliverable))
    findings.expect("statuses that the platform gave up", range(seen.state["whatsapp"]["statusesLost"]))


def _order(seen: Seen, findings: Findings) -> None:
    """Per customer and at every hop, the order in which they wrote; to WhatsApp, the order in which agents answered."""
    of_message = {each["id"]: each["wamid"] for each in seen.messages if each["direction"] == "inbound"}
    hops = {
        "ledger": chain.from_iterable(_wamids(each) for each in seen.ledger if each["source"] == "whatsapp"),
        "messages": of_message.values(),
        "events": [each["wamid"] for each in seen.events if each["type"] == "inbound.enriched"],
        "deliveries": [of_message.get(each["message_id"]) for each in seen.deliveries if each["target"] == "genesys"],
        "Genesys": [each["messageId"] for each in seen.of("genesysReceived")],
    }
    for hop, wamids in hops.items():
        findings.expect(f"order inverted: {hop}", inversions([seen.written[each] for each in wamids if each in seen.written]))
    findings.expect("order inverted: WhatsApp", range(seen.state["whatsapp"]["orderInversions"]))
    place = {str(each["message_id"]): each["position"] for each in seen.deliveries if each["target"] == "whatsapp"}
    arrived = {
        view["id"]: [place[got["opaque"]] for got in view["whatsappGot"] if got["opaque"] in place] for view in seen.views
    }
    findings.expect("order inverted: WhatsApp, by our events", [key for key, each in arrived.items() if _is_inverted(each)])
    positions = [each["position"] for each in seen.events]
    findings.expect("gaps in the positions", set(range(1, len(positions) + 1)) ^ set(positions))


def _at_rest(seen: Seen, findings: Findings) -> None:
    withheld = seen.withheld
    findings.expect(
        "webhooks rejected or left", [(each["id"], each["outcome"]) for each in seen.ledger if each["state"] != "done"]
    )
    if seen.relays:
        findings.expect("events not relayed", [each["position"] for each in seen.events if not each["is_relayed"]])
    findings.expect(
        "deliveries not finished",
        [
            each["message_id"]
            for each in seen.deliveries
            if each["state"] not in ("sent", "unknown") and str(each["message_id"]) not in withheld
        ],
    )
    for name, count in seen.others.items():
        findings.expect(name, range(count))


def inversions(messages: Iterable[Message]) -> list[Message]:
    """Messages whose first appearance comes behind a later one of the same customer."""
    highest: dict[str, int] = {}
    met: set[str] = set()
    found: list[Message] = []
    for message in messages:
        if message.wamid not in met and message.number < highest.get(message.customer, 0):
            found.append(message)
        met.add(message.wamid)
        highest[message.customer] = max(highest.get(message.customer, 0), message.number)
    return found


def _written(bodies: Sequence[Body], views: Rows) -> dict[str, Message]:
    """Of the simulator's own customers, what Waystate acknowledged; the rest is still on its way when it should not be."""
    written = {message.wamid: message for body in bodies for message in body.messages}
    for view in views:
        for each in view["wrote"]:
            written[each["wamid"]] = Message(view["id"], each["number"], each["wamid"])
    return written


def _wamids(row: dict[str, Any]) -> list[str]:
    """Of a ledger row: the messages of its number, where it has one."""
    values = [change["value"] for entry in json.loads(row["body"])["entry"] for change in entry["changes"]]
    own = [each for each in values if row["number"] in (None, str(each["metadata"]["phone_number_id"]))]
    return [each["id"] for value in own for each in value.get("messages", [])]


def _counts(seen: Seen) -> dict[str, int]:
    received = seen.of("genesysReceived")
    return {
        "customers": len({message.customer for message in seen.written.values()}),
        "messages written": len(seen.written),
        "webhooks in the ledger": len(seen.ledger),
        "repeats at Genesys": sum(each["repeats"] for each in received),
        "agents' answers": len(seen.of("agentReplied")),
        "sends of the business": sum(map(len, seen.asked.values())),
        "of these planned": len(seen.planned),
        "withheld, as somebody else took over": len(seen.withheld),
        "sends at WhatsApp": seen.state["whatsapp"]["sends"],
        "sends under way when killed": seen.interrupted,
        "sends unknown": sum(each["state"] == "unknown" for each in seen.deliveries),
        "attempts": sum(each["attempts"] for each in seen.deliveries),
    }


def _more_than_one(counted: Counter[Any]) -> list[Any]:
    return [key for key, count in counted.items() if count > 1]


async def _others(connection: asyncpg.Connection) -> dict[str, int]:
    default = [
        f"SELECT count(*) AS n FROM {table}_default"
        for table in ("webhook_ledger", "events", "messages", "message_events", "deliveries", "delivery_attempts")
    ]
    return {
        "dead letters": await connection.fetchval("SELECT count(*) FROM dead_letters"),
        "statuses that found no message": await connection.fetchval("SELECT count(*) FROM early_statuses"),
        "rows without a partition": await connection.fetchval(
            f"SELECT sum(n)::bigint FROM ({' UNION ALL '.join(default)}) AS d"
        ),
    }


async def _rows(connection: asyncpg.Connection, query: str, *values: Any) -> Rows:
    return [dict(row) for row in await connection.fetch(query, *values)]
