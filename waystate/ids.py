"""Identifiers: UUIDv7 made by the application, and tenant slugs."""

import re
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID, SafeUUID

import uuid_utils

from waystate.errors import BadRequest

TenantId = NewType("TenantId", str)

PLATFORM = TenantId("platform")
"""Holds the platform's own keys, sessions and audit log. It has no customers and is listed nowhere."""

TENANT_ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
_tenant_id = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_UNKNOWN = SafeUUID.unknown
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """A message takes several, so this is `uuid_utils.compat.uuid7` without its detours. Ids of one process ascend."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", uuid_utils.uuid7().int)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def parse_tenant_id(value: str) -> TenantId:
    """The slug, checked. It is safe inside a SQL literal after this and only after this."""
    if _tenant_id.fullmatch(value) is None:
        raise BadRequest(
            "invalid_tenant_id",
            "A tenant id is 1 to 63 characters of a-z, 0-9 and '-', and does not start with '-'. Correct it and send again.",
        )
    return TenantId(value)


def find_uuid(value: str) -> UUID | None:
    """The UUID that `value` writes, or None: ids of the platforms and our own share one parameter."""
    try:
        return UUID(value)
    except ValueError:
        return None


def id_floor(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: bounds of partitions and of time ranges.

    Layout: 48 bits of Unix milliseconds, version, variant (RFC 9562, section 5.7).
    """
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=(milliseconds << 80))


def id_at(moment: datetime, randomness: int) -> UUID:
    """A UUIDv7 of that millisecond, for what is recorded later than it happened; of `randomness` 74 bits are taken."""
    bits = id_floor(moment).int | randomness & (1 << 62) - 1 | (randomness >> 62 & 0xFFF) << 64
    return UUID(int=bits | 0x7 << 76 | 0b10 << 62)


def beside(identifier: UUID) -> UUID:
    """A UUIDv7 that stands where `identifier` does in the order of ids."""
    low = (1 << 32) - 1
    return UUID(int=identifier.int & ~low | new_id().int & low)


def time_of(identifier: UUID) -> datetime:
    """When the application made this UUIDv7, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=identifier.int >> 80)
