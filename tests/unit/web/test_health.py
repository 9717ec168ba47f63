import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from fastapi import FastAPI

from waystate.web.health import Health, HealthCheck, HealthRoutes
from waystate.web.routers import add_operations

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class SetClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


async def answers_at_once() -> Mapping[str, Any]:
    return {}


async def shows_its_queue() -> Mapping[str, Any]:
    return {"queue_depth": 7}


async def is_gone() -> Mapping[str, Any]:
    raise ConnectionRefusedError("db.internal:5432 refused user postgres")


async def hangs() -> Mapping[str, Any]:
    await asyncio.sleep(60)
    return {}


async def ask(path: str, checks: Mapping[str, HealthCheck], is_ready: bool = True) -> httpx2.Response:
    app, clock = FastAPI(), SetClock()
    add_operations(app.router, HealthRoutes(checks, clock, is_ready=lambda: is_ready, timeout=0.05))
    clock.now += timedelta(seconds=90)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver") as client:
        return await client.get(path)


async def test_with_every_part_there_the_service_is_healthy() -> None:
    response = await ask("/health", {"database": answers_at_once, "rabbitmq": shows_its_queue})
    report = response.json()
    assert response.status_code == 200
    assert report["checks"]["database"].pop("latency_ms") >= 0
    assert report["checks"]["rabbitmq"].pop("latency_ms") >= 0
    assert report == {
        "status": "healthy",
        "timestamp": "2026-01-31T12:01:30.000Z",
        "checks": {
            "database": {"status": "ok"},
            "redis": {"status": "ok", "mode": "none"},
            "rabbitmq": {"status": "ok", "queue_depth": 7},
        },
        "uptime_seconds": 90.0,
        "service": "state-manager",
    }


async def test_without_the_database_the_service_is_unhealthy_and_names_no_host() -> None:
    response = await ask("/health", {"database": is_gone})
    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert response.json()["checks"]["database"] == {"status": "error", "error": "ConnectionRefusedError"}


async def test_without_redis_or_rabbitmq_the_service_is_degraded_and_still_answers_200() -> None:
    response = await ask("/health", {"database": answers_at_once, "redis": is_gone, "rabbitmq": hangs})
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["rabbitmq"] == {"status": "error", "error": "no answer within 0.05 s"}
    assert response.json()["checks"]["redis"]["status"] == "error"


async def test_a_hanging_database_is_unhealthy_after_the_time_limit() -> None:
    response = await ask("/health", {"database": hangs})
    assert response.status_code == 503


async def test_the_process_is_alive_whatever_its_parts_do() -> None:
    response = await ask("/health/live", {"database": is_gone}, is_ready=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_traffic_is_wanted_when_the_database_answers_and_start_up_is_over() -> None:
    good, degraded = {"database": answers_at_once}, {"database": answers_at_once, "redis": is_gone}
    assert (await ask("/health/ready", good)).status_code == 200
    assert (await ask("/health/ready", degraded)).status_code == 200
    assert (await ask("/health/ready", good, is_ready=False)).status_code == 503
    assert (await ask("/health/ready", {"database": is_gone})).status_code == 503


async def test_probes_at_the_same_time_ask_the_database_once_and_a_later_one_again() -> None:
    asked = 0

    async def counts() -> Mapping[str, Any]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return {}

    health = Health({"database": counts}, SetClock())
    gone = asyncio.create_task(health.report())
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(health.report()) for _ in range(50)]
    gone.cancel()
    assert {(await task).status for task in waiting} == {"healthy"}
    assert asked == 1
    await health.report()
    assert asked == 2
