"""The limit that pipelines are measured against: binary COPY of the same rows into the same tables, as a superuser.

Row-level security refuses COPY to the roles that Waystate works as, so this is no way to do it, only what PostgreSQL can do.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from waystate.ids import new_id

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_KEYS = {
    "contacts": ("id",),
    "contact_identities": ("external_id",),
    "conversations": ("id",),
    "message_keys": ("external_id", "message_id"),
    "messages": ("id",),
    "message_events": ("message_id", "id"),
    "events": ("id", "position"),
}
"""What must be new in each copy of a row. In the order in which foreign keys want the tables."""
_MADE_BY_THE_TABLE = {"expires_hour"}


_BEYOND = 10**9
"""Positions of copies begin behind those of the pipeline."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, as a pipeline wrote them."""

    table: str
    columns: tuple[str, ...]
    records: tuple[tuple[Any, ...], ...]


async def take_rows(connection: Raw, table: str, condition: str) -> Rows:
    found = await connection.fetch(f"SELECT * FROM {table} WHERE {condition}")
    columns = tuple(name for name in found[0].keys() if name not in _MADE_BY_THE_TABLE)  # noqa: SIM118
    return Rows(table, columns, tuple(tuple(record[name] for name in columns) for record in found))


class Copier:
    """Copies one batch's rows again and again, each time under fresh ids. The connection has no codecs of ours."""

    def __init__(self, connection: Raw, batch: Sequence[Rows]) -> None:
        self._connection = connection
        self._batch = [rows for table in _KEYS for rows in batch if rows.table == table]
        self._numbers = count(1)

    async def run(self, messages: int, seconds: float) -> float:
        """Messages a second; `messages` is what the batch counts as."""
        copied, elapsed = 0, 0.0
        while elapsed < seconds:
            fresh = self._freshen()
            started = time.perf_counter()
            async with self._connection.transaction():
                for rows in fresh:
                    await self._connection.copy_records_to_table(rows.table, records=rows.records, columns=rows.columns)
            elapsed += time.perf_counter() - started
            copied += messages
        return copied / elapsed

    def _freshen(self) -> list[Rows]:
        new: dict[Any, Any] = {}
        for rows in self._batch:
            places = [place for place, name in enumerate(rows.columns) if name in _KEYS[rows.table]]
            for record in rows.records:
                for place in places:
                    if record[place] not in new:
                        new[record[place]] = self._like(record[place])
        return [
            Rows(rows.table, rows.columns, tuple(tuple(_renewed(value, new) for value in record) for record in rows.records))
            for rows in self._batch
        ]

    def _like(self, value: Any) -> Any:
        if isinstance(value, UUID):
            return new_id()
        if isinstance(value, int):
            return _BEYOND + next(self._numbers)
        number = f"c{next(self._numbers)}"
        return value[: max(0, len(value) - len(number))] + number


def _renewed(value: Any, new: dict[Any, Any]) -> Any:
    is_key = isinstance(value, UUID | str) or (isinstance(value, int) and not isinstance(value, bool))
    return new.get(value, value) if is_key else value
