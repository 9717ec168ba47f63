"""What could not be used, why, and where it came from."""

from dataclasses import dataclass
from enum import StrEnum

from waystate.errors import Reason
from waystate.json import JsonObject


class Pipeline(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    STATUS = "status"
    CORRELATION = "correlation"
    DELIVERIES = "deliveries"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """`origin` names the ledger row and item (or queue message) it came from: one dead letter each, however often replayed."""

    pipeline: Pipeline
    reason: Reason
    error_message: str
    original_payload: JsonObject
    origin: str
    retry_count: int = 0
