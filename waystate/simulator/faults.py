"""Faults of the far sides and of the network between, switched at run time."""

import time
from collections import Counter
from collections.abc import Callable
from random import Random

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from waystate.errors import BadRequest

RATES = (
    "duplicates",  # a webhook is sent again, one to three copies, some at the same moment
    "reordering",  # the statuses of a send arrive in any order
    "early_statuses",  # statuses arrive before the answer to the send
    "undeliverable",  # the send is accepted, then fails: status `failed`, 131026
    "throttle",  # 429, nothing done
    "server_errors",  # 500 with the platform's own words, nothing done
    "lost_answers",  # done, but the connection is cut before the answer
    "file_errors",  # a customer's file: 404 or 503 instead of it
)
WAYS = (
    "html_500",
    "plain_503",
    "bad_gateway",  # 502, as a proxy says it
    "gateway_timeout",  # 504
    "edge_5xx",  # 520 to 529, as a content network says it
    "graph_1",
    "graph_2",
    "graph_131000",  # the Graph API's own "something went wrong"
    "unreadable",  # 200, and what it says is no JSON
    "cut_off",  # the connection ends in the middle of the answer
    "late",  # the answer comes after `late_delay`, when nobody waits for it any more
)
"""How the answer to a send at WhatsApp is lost, each as two switches: before the message was taken, and after."""
LOST = tuple(f"{way}_{when}" for way in WAYS for when in ("before", "after"))
OUTAGE = "outage"  # seconds from now in which both APIs answer 503
GENESYS_OUTAGE = "genesys_outage"  # the same of Genesys alone
OUTAGES = (OUTAGE, GENESYS_OUTAGE)


class Faults:
    """`struck` counts how often each fault hit."""

    def __init__(self, random: Random, clock: Callable[[], float] = time.monotonic) -> None:
        self._random = random
        self._clock = clock
        self._rates: dict[str, float] = {}
        self._outages_end = dict.fromkeys(OUTAGES, 0.0)
        self.struck: Counter[str] = Counter()

    def replace(self, switches: dict[str, float]) -> None:
        """Exactly these faults from now on; a switch that is not named is off."""
        _check(switches)
        self._rates = {name: rate for name, rate in switches.items() if name not in OUTAGES and rate > 0}
        self._outages_end = {name: self._clock() + switches.get(name, 0.0) for name in OUTAGES}

    def switches(self) -> dict[str, float]:
        return {name: self._rates.get(name, 0.0) for name in (*RATES, *LOST)} | {name: self._left(name) for name in OUTAGES}

    def strikes(self, name: str) -> bool:
        rate = self._rates.get(name, 0.0)
        hit = rate > 0 and self._random.random() < rate
        if hit:
            self.struck[name] += 1
        return hit

    def find_lost(self, when: str) -> str | None:
        """The way in which this answer is lost, `before` or `after` the message is taken; None: it is not."""
        return next((way for way in WAYS if self.strikes(f"{way}_{when}")), None)

    def is_out(self, name: str = OUTAGE) -> bool:
        out = self._clock() < self._outages_end[name]
        if out:
            self.struck[name] += 1
        return out

    def _left(self, name: str) -> float:
        return round(max(0.0, self._outages_end[name] - self._clock()), 3)


class CutOff(Response):
    """The connection ends before the answer is complete: the caller sees a broken connection, not a status to rely on.

    A server that misses promised bytes can only close. In a test without a server (`httpx2.ASGITransport`, which names no
    ASGI `spec_version`) nobody closes, so the caller is given the error it would have seen.
    """

    def __init__(self) -> None:
        super().__init__(status_code=200, headers={"content-length": "4096"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "spec_version" not in scope["asgi"]:
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})


def _check(switches: dict[str, float]) -> None:
    for name, value in switches.items():
        if name not in (*RATES, *LOST, *OUTAGES):
            raise BadRequest(
                "unknown_fault", f"There is no fault '{name}'. Choose from: {', '.join((*RATES, *OUTAGES, *LOST))}."
            )
        if value < 0 or (name not in OUTAGES and value > 1):
            words = " and ".join(f"'{each}'" for each in OUTAGES)
            raise BadRequest("invalid_fault", f"'{name}' is a rate from 0 to 1; only {words} are numbers of seconds.")
