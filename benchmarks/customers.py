"""The lists, searches, contexts and histories of a tenant with a million customers, against one of ten thousand."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, repeat
from typing import Any
from urllib.parse import quote

import psycopg
import uvloop

from benchmarks.figures import Figure, Findings, Target, percentile
from benchmarks.fill import SECOND_NUMBER, Size, fill
from benchmarks.options import Options
from benchmarks.rig import Rig
from benchmarks.server import Server
from benchmarks.tenants import BENCH, make_ready, make_tenant
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.keys import store as key_store
from waystate.principal import Scope

SMALL, LARGE = Size(10_000, 10_000, 100_000), Size(1_000_000, 1_000_000, 10_000_000)
USUAL = Size(100_000, 100_000, 1_000_000)
"""What a run of everything takes instead of the large one; `--only customers` takes minutes and the large one."""
PAGE, CONTEXT = Target(50, of="value", less_is_better=True), Target(15, of="value", less_is_better=True)
"""Milliseconds, p95."""
HISTORY = Target(1.3, less_is_better=True)
SHARE = 0.15
"""Of the seconds of a run, what each kind of call takes."""
LEAST = 20
"""Calls of a kind in a run."""
_SCOPES = (Scope.CUSTOMERS_READ, Scope.MESSAGES_READ, Scope.CONVERSATIONS_READ, Scope.CUSTOMERS_WRITE)


@dataclass(slots=True)
class Place:
    """One filled database with its server, and some customers by chance."""

    connection: http.client.HTTPConnection
    key: str
    people: Sequence[str]
    families: Sequence[str]
    longest: str
    """The customer with a hundredth of all messages in one conversation."""
    middle: str
    """The one with a thousandth."""
    crowd: str
    """The one with most conversations."""
    taken: dict[str, list[list[float]]] = field(default_factory=dict)
    """Milliseconds, by kind of call and run."""
    problems: set[str] = field(default_factory=set)

    def ask(self, path: str) -> dict[str, Any]:
        status, body = self.answer(path)
        if status != 200:
            self.problems.add(f"{path}: {status}")
            return {}
        found: dict[str, Any] = json.loads(body)
        return found

    def answer(self, path: str) -> tuple[int, bytes]:
        """On the one connection of this place."""
        self.connection.request("GET", path, headers={"X-API-Key": self.key})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


Paths = Callable[[Place], Iterator[str]]
"""What is asked in turn. Whatever it asks for itself is not measured."""


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not options.wants("customers"):
        return
    large = SMALL if options.seconds < 2 else LARGE if "customers" in options.only else USUAL
    places = [_prepare(rig, f"customers-{size.customers}-{n}", size) for n, size in enumerate((SMALL, large))]
    for round_ in range(-1, options.rounds):
        for name, paths, _ in CALLS:
            for place in places:
                taken = _run(place, paths, SHARE * (options.seconds if round_ >= 0 else options.warm_up))
                if round_ >= 0:
                    place.taken.setdefault(name, []).append(taken)
    findings.add(*(_figure(name, target, places[0], places[1], large) for name, _, target in CALLS))
    findings.add(_within(places[1]))


def _prepare(rig: Rig, name: str, size: Size) -> Place:
    url = rig.make_waystate_database(name)
    fill(url, size)
    key = uvloop.run(_make_key(url))
    server = Server(rig, rig.make_folder(name), url, name)
    with psycopg.connect(url) as connection:
        people = [str(id) for (id,) in connection.execute(_SOME)]
        families = [str(name).split(" ")[-1] for (name,) in connection.execute(_NAMES)]
        longest, crowd, middle = (str(id) for (id,) in connection.execute("SELECT id FROM contacts ORDER BY id LIMIT 3"))
    return Place(http.client.HTTPConnection("127.0.0.1", server.port), key, people, families, longest, middle, crowd)


_SOME = "SELECT id FROM contacts TABLESAMPLE BERNOULLI (5) ORDER BY md5(id::text) LIMIT 2000"
_NAMES = "SELECT name FROM contacts TABLESAMPLE BERNOULLI (5) WHERE name IS NOT NULL ORDER BY md5(id::text) LIMIT 500"


async def _make_key(url: str) -> str:
    db = await Database.open(url, pool_size=2)
    try:
        await make_ready(db)
        await make_tenant(db)
        async with db.tenant(BENCH) as conn:
            _, key = await key_store.create_key(conn, BENCH, "bench", utc_now(), scopes=_SCOPES)
    finally:
        await db.close()
    return key


def _run(place: Place, paths: Paths, seconds: float) -> list[float]:
    """Milliseconds of each call, one after the other."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    for path in paths(place):
        started = time.perf_counter()
        status, _ = place.answer(path)
        ended = time.perf_counter()
        taken.append((ended - started) * 1000)
        if status != 200:
            place.problems.add(f"{path}: {status}")
        if len(taken) >= LEAST and ended > until:
            break
    return taken


def _figure(name: str, target: Target | None, small: Place, large: Place, size: Size) -> Figure:
    ours, theirs = large.taken[name], small.taken[name]
    halves = [percentile([each for run in runs for each in run], 0.5) for runs in (ours, theirs)]
    return Figure(
        topic="customers",
        name=f"{size.customers:,} customers, {size.messages:,} messages: {name}, p95",
        unit="ms",
        ours=tuple(percentile(run, 0.95) for run in ours),
        theirs=tuple(percentile(run, 0.95) for run in theirs),
        other=f"{SMALL.customers:,} customers, {SMALL.messages:,} messages",
        target=target,
        invalid="; ".join(sorted(small.problems | large.problems)[:2]),
        notes=(f"p50 {halves[0]:.1f} ms, of the small {halves[1]:.1f} ms",),
    )


def _within(large: Place) -> Figure:
    """In one table: a conversation with a hundred thousand messages against one with ten thousand."""
    return Figure(
        topic="customers",
        name="history of a conversation with 100,000 messages (or 1 in 100 of all), p50",
        unit="ms",
        ours=tuple(percentile(run, 0.5) for run in large.taken[_LONGEST]),
        theirs=tuple(percentile(run, 0.5) for run in large.taken[_MIDDLE]),
        other="of one with a tenth of them",
        target=HISTORY,
        invalid="; ".join(sorted(large.problems)[:2]),
    )


def _list(query: str) -> Paths:
    return lambda _: repeat(f"/v1/customers?limit=50{query}")


def _deep(path_of: Callable[[Place], str]) -> Paths:
    """Pages 2 to 10 of a list, again and again."""

    def paths(place: Place) -> Iterator[str]:
        path = path_of(place)
        pages: list[str] = []
        while len(pages) < 9 and (place_after := place.ask(pages[-1] if pages else path).get("next")):
            pages.append(f"{path}&after={quote(place_after)}")
        return cycle(pages or [path])

    return paths


def _each(path: str) -> Paths:
    return lambda place: (path.format(id) for id in cycle(place.people))


def _words(question: str) -> Paths:
    return lambda place: (f"/v1/customers?q={quote(question.format(family))}" for family in cycle(place.families))


_LONGEST, _MIDDLE = "history of the customer with most messages", "history of the one with a tenth of that"
CALLS: tuple[tuple[str, Paths, Target | None], ...] = (
    ("list by last activity", _list(""), PAGE),
    ("list by last activity, further pages", _deep(lambda _: "/v1/customers?limit=50"), PAGE),
    ("list by name", _deep(lambda _: "/v1/customers?limit=50&sort=name"), PAGE),
    ("list by creation", _deep(lambda _: "/v1/customers?limit=50&sort=created"), PAGE),
    ("list by messages", _deep(lambda _: "/v1/customers?limit=50&sort=messageCount"), PAGE),
    ("list of 200", lambda _: repeat("/v1/customers?limit=200"), PAGE),
    ("list with a tag of 4 in 10", _list("&tag=newsletter"), PAGE),
    ("list with a tag of 1 in 100", _list("&tag=vip"), PAGE),
    ("list with a tag of 2 in 1,000", _list("&tag=complained"), PAGE),
    ("list with two tags of many", _list("&tag=newsletter&tag=app&sort=name"), PAGE),
    ("list with an open conversation", _list("&hasOpenConversation=true"), PAGE),
    ("list without an open conversation", _list("&hasOpenConversation=false"), PAGE),
    ("list of a number with 1 in 10", _list(f"&number={SECOND_NUMBER}"), PAGE),
    ("list of a number with none", _list("&number=1"), PAGE),
    ("list of open ones on a number", _list(f"&hasOpenConversation=true&number={SECOND_NUMBER}"), PAGE),
    ("search for a family name", _words("{}"), PAGE),
    ("search for the beginning of one", _words("{:.5}"), PAGE),
    ("search for a given and a family name", _words("ana {:.4}"), PAGE),
    ("search for a given name of many", _list("&q=maria"), PAGE),
    ("search for a given name of many, by name", _list("&q=maria&sort=name"), PAGE),
    ("search for a word of a third", _list("&q=example"), PAGE),
    ("search for a phone", _list("&q=%2B91 9000 001234".replace(" ", "%20")), PAGE),
    ("search for what nobody has", _list("&q=nobodyatall"), PAGE),
    ("search with a tag and a number", _list(f"&q=maria&tag=app&number={SECOND_NUMBER}"), PAGE),
    ("profile", _each("/v1/customers/{}"), None),
    ("context", _each("/v1/customers/{}/context"), CONTEXT),
    ("context of the one with most conversations", lambda place: repeat(f"/v1/customers/{place.crowd}/context"), CONTEXT),
    ("conversations of a customer", _each("/v1/customers/{}/conversations"), PAGE),
    ("history of a customer", _each("/v1/customers/{}/messages"), PAGE),
    (_LONGEST, _deep(lambda place: f"/v1/customers/{place.longest}/messages?limit=50"), PAGE),
    (_MIDDLE, _deep(lambda place: f"/v1/customers/{place.middle}/messages?limit=50"), PAGE),
    ("history of the one with most conversations", _deep(lambda place: f"/v1/customers/{place.crowd}/messages?limit=50"), PAGE),
)
"""One kind of call each, and what its p95 may be."""
