"""What people change of schedules. Each deed is one transaction, with its event and its entry in the audit log."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, PreconditionFailed, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import Event
from waystate.events.tenant_wide import ScheduleChanged
from waystate.ids import TenantId, new_id
from waystate.principal import Actor
from waystate.schedules import store
from waystate.schedules.model import MOST_VERSIONS, Schedule, ScheduleVersion, etag_of, with_version

_VERSION_FIELDS = ("time_zone", "slots", "holidays")
_SHOWN = {"time_zone": "timeZone"}


class ScheduleEdits:
    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def add(
        self, tenant: TenantId, actor: Actor, name: str, fields: Mapping[str, Any], valid_from: date | None
    ) -> Schedule:
        """`fields` of its first version, which counts from today if no day is named. Raises Conflict for a name twice."""
        now = self._clock()
        first = ScheduleVersion(valid_from=valid_from or now.date(), **fields)
        if valid_from is None:
            first = replace(first, valid_from=now.astimezone(first.zone).date())
        schedule = Schedule(id=new_id(), name=name, versions=(first,), created_at=now, edited_at=now)

        async def add(conn: Connection) -> tuple[Schedule, list[Event]]:
            await store.add_one(conn, tenant, schedule)
            return schedule, await _tell(conn, tenant, actor, "added", schedule, now, ["name", *_VERSION_FIELDS])

        return await self._commits.do(tenant, add)

    async def edit(
        self,
        tenant: TenantId,
        actor: Actor,
        schedule_id: UUID,
        *,
        name: str | None,
        fields: Mapping[str, Any],
        valid_from: date | None,
        expected: Collection[str] | None = None,
    ) -> Schedule:
        """`fields` count from `valid_from` on, or from today: what was before stays known."""

        async def edit(conn: Connection) -> tuple[Schedule, list[Event]]:
            now = self._clock()
            before = await store.lock_one(conn, tenant, schedule_id)
            _check_unchanged(before, expected)
            after = with_version(before, fields, valid_from, now, name)
            if len(after.versions) > MOST_VERSIONS:
                text = f"A schedule has at most {MOST_VERSIONS} versions. Begin a new one, or withdraw versions."
                raise Unprocessable("too_many_versions", text)
            if after == before:
                return before, []
            await store.edit_one(conn, tenant, before, after, now)
            changed = (["name"] if after.name != before.name else []) + [each for each in _VERSION_FIELDS if each in fields]
            return replace(after, edited_at=now), await _tell(
                conn, tenant, actor, "edited", after, now, changed, {"valid_from": _day(valid_from)}
            )

        return await self._commits.do(tenant, edit)

    async def withdraw(self, tenant: TenantId, actor: Actor, schedule_id: UUID, valid_from: date) -> Schedule:
        """The version of that day; the one before it counts on. Raises Conflict for the only one."""

        async def withdraw(conn: Connection) -> tuple[Schedule, list[Event]]:
            now = self._clock()
            before = await store.lock_one(conn, tenant, schedule_id)
            kept = tuple(each for each in before.versions if each.valid_from != valid_from)
            if len(kept) == len(before.versions):
                raise NotFound("version_not_found", f"No version counts from {valid_from}. GET the schedule lists them.")
            if not kept:
                raise Conflict("only_version", "A schedule has at least one version. Change it, or delete the schedule.")
            after = replace(before, versions=kept, edited_at=now)
            await store.drop_version(conn, tenant, schedule_id, valid_from)
            await store.edit_one(conn, tenant, before, after, now)
            return after, await _tell(conn, tenant, actor, "edited", after, now, ["versions"], {"withdrawn": _day(valid_from)})

        return await self._commits.do(tenant, withdraw)

    async def delete(self, tenant: TenantId, actor: Actor, schedule_id: UUID) -> None:
        """Raises Conflict while a queue is open by it."""

        async def delete(conn: Connection) -> tuple[None, list[Event]]:
            schedule = await store.lock_one(conn, tenant, schedule_id)
            await store.remove_one(conn, tenant, schedule_id)
            return None, await _tell(conn, tenant, actor, "deleted", schedule, self._clock(), [])

        await self._commits.do(tenant, delete)


async def _tell(
    conn: Connection,
    tenant: TenantId,
    actor: Actor,
    change: Literal["added", "edited", "deleted"],
    schedule: Schedule,
    now: datetime,
    fields: Collection[str],
    details: JsonObject | None = None,
) -> list[Event]:
    shown = [_SHOWN.get(each, each) for each in fields]
    told = {"name": schedule.name, "fields": shown, **(details or {})}
    entry = Entry(actor=actor, action=f"schedule.{change}", subject=f"schedule:{schedule.id}", at=now, details=told)
    await audit_store.append_many(conn, tenant, [entry])
    return [ScheduleChanged(schedule_id=schedule.id, name=schedule.name, change=change, fields=list(fields), at=now)]


def _check_unchanged(schedule: Schedule, expected: Collection[str] | None) -> None:
    if expected is not None and etag_of(schedule) not in expected:
        text = "The schedule was changed since you read it. Read it again, and send your change with the new ETag."
        raise PreconditionFailed("changed_meanwhile", text, etag=etag_of(schedule))


def _day(valid_from: date | None) -> str | None:
    return None if valid_from is None else valid_from.isoformat()
