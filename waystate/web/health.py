"""Health, liveness and readiness (HealthCheckResponse of seed 000)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.operations import PROBES_OWN, Operation

HealthCheck = Callable[[], Awaitable[Mapping[str, Any]]]
"""Raises, or returns what is to be shown of the part: nothing, `mode`, `queue_depth`; a `status` of its own wins."""

SERVICE = "state-manager"
CHECK_TIMEOUT = 2.0
"""Seconds a part may take: a probe asks every few seconds and must not pile up."""
_VITAL = "database"
_OPTIONAL = ("redis", "rabbitmq")


class PartHealth(BaseModel):
    model_config = ConfigDict(extra="allow")

    status: Literal["ok", "error"]
    latency_ms: float | None = None
    mode: str | None = None
    queue_depth: int | None = None
    error: str | None = None


class HealthReport(BaseModel):
    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    checks: dict[str, PartHealth]
    uptime_seconds: float
    service: str = SERVICE


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


_EXAMPLE: JsonObject = {
    "status": "healthy",
    "timestamp": "2026-01-31T12:00:00.000Z",
    "checks": {
        "database": {"status": "ok", "latency_ms": 0.61, "queue_depth": 0, "oldest_undelivered_seconds": 0.0},
        "redis": {"status": "ok", "mode": "none"},
        "rabbitmq": {"status": "ok", "mode": "none"},
    },
    "uptime_seconds": 5412.7,
    "service": SERVICE,
}


class Health:
    """Asks every part at once; callers at the same time share one round, so probes cannot load the database."""

    def __init__(self, checks: Mapping[str, HealthCheck], clock: Clock, timeout: float = CHECK_TIMEOUT) -> None:
        self._checks = {**dict.fromkeys(_OPTIONAL, _not_configured), **checks}
        self._clock = clock
        self._timeout = timeout
        self._started_at = clock()
        self._round: asyncio.Task[HealthReport] | None = None

    async def report(self) -> HealthReport:
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._ask())
        return await asyncio.shield(self._round)

    async def _ask(self) -> HealthReport:
        parts = await asyncio.gather(*(check_part(check, self._timeout) for check in self._checks.values()))
        return render_health(dict(zip(self._checks, parts, strict=True)), self._clock(), self._started_at)


async def check_part(check: HealthCheck, timeout: float) -> PartHealth:  # noqa: ASYNC109 - it is this function's whole purpose
    """Never raises. The error names its kind only: anybody may ask, and messages of drivers name hosts and users."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            shown = dict(await check())
    except TimeoutError:
        return PartHealth(status="error", error=f"no answer within {timeout:g} s")
    except Exception as error:
        return PartHealth(status="error", error=type(error).__name__)
    if "mode" not in shown:
        shown = {"latency_ms": round((time.perf_counter() - started) * 1000, 2), **shown}
    return PartHealth(**{"status": "ok", **shown})


def render_health(parts: Mapping[str, PartHealth], now: datetime, started_at: datetime) -> HealthReport:
    failed = {name for name, part in parts.items() if part.status == "error"}
    return HealthReport(
        status="unhealthy" if _VITAL in failed else "degraded" if failed else "healthy",
        timestamp=iso(now),
        checks={name: parts[name] for name in sorted(parts, key=lambda name: (name != _VITAL, name not in _OPTIONAL))},
        uptime_seconds=max(0.0, round((now - started_at).total_seconds(), 3)),
    )


class HealthRoutes:
    """`is_ready` is false while starting and stopping, so that a load balancer looks elsewhere."""

    def __init__(
        self,
        checks: Mapping[str, HealthCheck],
        clock: Clock,
        *,
        is_ready: Callable[[], bool] = lambda: True,
        timeout: float = CHECK_TIMEOUT,
    ) -> None:
        self._health = Health(checks, clock, timeout)
        self._is_ready = is_ready

    @Operation(
        "GET",
        "/health",
        None,
        tag="Health",
        summary="Health of every part",
        ignores_query=PROBES_OWN,
        answers={200: HealthReport, 503: HealthReport},
        example_answer=_EXAMPLE,
    )
    async def get_health(self) -> JSONResponse:
        """503: the database does not answer."""
        report = await self._health.report()
        return _answer(report, report.status != "unhealthy")

    @Operation(
        "GET",
        "/health/live",
        None,
        tag="Health",
        summary="Does the process run?",
        ignores_query=PROBES_OWN,
        example_answer={"status": "ok"},
    )
    async def get_liveness(self) -> Alive:
        return Alive()

    @Operation(
        "GET",
        "/health/ready",
        None,
        tag="Health",
        summary="May traffic come here?",
        ignores_query=PROBES_OWN,
        answers={200: HealthReport, 503: HealthReport},
        example_answer=_EXAMPLE,
    )
    async def get_readiness(self) -> JSONResponse:
        """503: the database does not answer, or the process is starting or stopping."""
        report = await self._health.report()
        return _answer(report, report.status != "unhealthy" and self._is_ready())


async def _not_configured() -> Mapping[str, Any]:
    return {"mode": "none"}


def _answer(report: HealthReport, is_good: bool) -> JSONResponse:
    return JSONResponse(report.model_dump(exclude_none=True), 200 if is_good else 503, {"cache-control": "no-store"})
