"""Of `health`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal

from pydantic import Field

from waystate_client.records import CamelRecord, Record

__all__ = ["Alive", "HealthReport", "PartHealth"]


class Alive(Record):
    status: Literal["ok"] | None = None


class PartHealth(CamelRecord):
    status: Literal["ok", "error"] | str
    latency_ms: float | None = Field(default=None, validation_alias="latency_ms", serialization_alias="latency_ms")
    mode: str | None = None
    queue_depth: int | None = Field(default=None, validation_alias="queue_depth", serialization_alias="queue_depth")
    error: str | None = None


class HealthReport(CamelRecord):
    status: Literal["healthy", "degraded", "unhealthy"] | str
    timestamp: str
    checks: dict[str, PartHealth]
    uptime_seconds: float = Field(validation_alias="uptime_seconds", serialization_alias="uptime_seconds")
    service: str | None = None
