"""Schedules and their versions in PostgreSQL."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from uuid import UUID

from asyncpg import ForeignKeyViolationError, Record, UniqueViolationError

from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.errors import Conflict, NotFound
from waystate.ids import TenantId
from waystate.schedules.model import (
    Schedule,
    ScheduleVersion,
    parse_holidays,
    parse_slots,
    render_holidays,
    render_slots,
)

_queries = load_queries(__file__)


async def add_one(conn: Connection, tenant: TenantId, schedule: Schedule) -> None:
    """Raises Conflict where another has the name."""
    try:
        await _queries.add_one(conn, tenant_id=tenant, id=schedule.id, name=schedule.name, now=schedule.created_at)
    except UniqueViolationError as error:
        raise _name_taken(schedule.name) from error
    await _put_versions(conn, tenant, schedule.id, schedule.versions)


async def edit_one(conn: Connection, tenant: TenantId, before: Schedule, after: Schedule, now: datetime) -> None:
    """Under its lock. Raises Conflict where another has the name."""
    try:
        await _queries.edit_one(conn, tenant_id=tenant, id=after.id, name=after.name, now=now)
    except UniqueViolationError as error:
        raise _name_taken(after.name) from error
    await _put_versions(conn, tenant, after.id, [each for each in after.versions if each not in before.versions])


async def drop_version(conn: Connection, tenant: TenantId, schedule_id: UUID, valid_from: date) -> None:
    await _queries.drop_version(conn, tenant_id=tenant, schedule_id=schedule_id, valid_from=valid_from)


async def lock_one(conn: Connection, tenant: TenantId, schedule_id: UUID) -> Schedule:
    """Raises NotFound."""
    if await _queries.lock_one(conn, tenant_id=tenant, id=schedule_id) is None:
        raise unknown_schedule(schedule_id)
    return await get_one(conn, tenant, schedule_id)


async def get_one(conn: Connection, tenant: TenantId, schedule_id: UUID) -> Schedule:
    """Raises NotFound."""
    found = await find_many(conn, tenant, [schedule_id])
    if schedule_id not in found:
        raise unknown_schedule(schedule_id)
    return found[schedule_id]


async def find_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, Schedule]:
    """By id, in the order of their names."""
    rows = await _queries.list_many(conn, tenant_id=tenant, ids=list(ids)) if ids else []
    together: dict[UUID, list[Record]] = {}
    for row in rows:
        together.setdefault(row["id"], []).append(row)
    return {key: _schedule(each) for key, each in together.items()}


async def list_page(conn: Connection, tenant: TenantId, *, after: str, batch: int) -> list[Schedule]:
    """By name, from behind one."""
    rows = await _queries.list_page(conn, tenant_id=tenant, name=after, batch=batch)
    return list((await find_many(conn, tenant, [row["id"] for row in rows])).values())


async def remove_one(conn: Connection, tenant: TenantId, schedule_id: UUID) -> None:
    """Under its lock. Raises Conflict while a queue is open by it."""
    users = [row["name"] for row in await _queries.list_users_of(conn, tenant_id=tenant, id=schedule_id)]
    try:
        await _queries.remove_one(conn, tenant_id=tenant, id=schedule_id)
    except ForeignKeyViolationError as error:
        text = "Queues are open by this schedule. Give them another, or none, with PATCH /v1/queues/{id}; then delete it."
        raise Conflict("schedule_in_use", text, queues=users) from error


async def remove_unused(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> int:
    """Those of them by which no queue is open; how many."""
    return len(await _queries.remove_unused(conn, tenant_id=tenant, ids=list(ids)))


async def _put_versions(conn: Connection, tenant: TenantId, schedule_id: UUID, versions: Iterable[ScheduleVersion]) -> None:
    rows = list(versions)
    await _queries.put_versions(
        conn,
        tenant_id=tenant,
        schedule_id=schedule_id,
        valid_from=[each.valid_from for each in rows],
        time_zones=[each.time_zone for each in rows],
        slots=[dump(render_slots(each.slots)) for each in rows],
        holidays=[dump(render_holidays(each.holidays)) for each in rows],
    )


def unknown_schedule(schedule_id: UUID) -> NotFound:
    return NotFound("schedule_not_found", f"There is no schedule {schedule_id}. Take the id from GET /v1/schedules.")


def _name_taken(name: str) -> Conflict:
    return Conflict("name_taken", f"There is a schedule '{name}' already. Change that one, or call this one otherwise.")


def _schedule(rows: list[Record]) -> Schedule:
    versions = tuple(
        ScheduleVersion(
            valid_from=row["valid_from"],
            time_zone=row["time_zone"],
            slots=parse_slots(row["slots"]),
            holidays=parse_holidays(row["holidays"]),
        )
        for row in rows
    )
    first = rows[0]
    return Schedule(
        id=first["id"],
        name=first["name"],
        versions=versions,
        created_at=first["created_at"],
        edited_at=first["edited_at"],
    )
