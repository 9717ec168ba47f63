"""Sends: what callers of the API ask for, each call in a transaction of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.clock import Clock
from waystate.conversations.control import Speaker
from waystate.conversations.model import EVERYTHING, Sight
from waystate.conversations.sight import Sights
from waystate.db.pool import Connection, Database
from waystate.deliveries.withdraw import withdraw_with_plans
from waystate.documents import is_whole
from waystate.errors import Conflict, NotFound, Refused
from waystate.events import outbox
from waystate.events.model import Event
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId, find_uuid
from waystate.messages import store as message_store
from waystate.messages.advance import advance
from waystate.messages.amend import find_amends
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.sight import check_message, find_hidden_messages, list_seen_plans
from waystate.messages.spoken import find_writers
from waystate.messages.store import SAID
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedFilter, told_of_outcomes, withdrawn
from waystate.principal import Actor, Principal
from waystate.sends import marks
from waystate.sends.approved import Missed
from waystate.sends.bodies import MessageAnswer, VersionList, amends_of, id_of, render_message, render_planned, render_versions
from waystate.sends.model import Draft, Mode, SendOutcome
from waystate.sends.post import PostedMany, post_many
from waystate.sends.resend import lock_failed, note_again
from waystate.templates.sync import TemplateSyncs
from waystate.tenants.routing import Directory
from waystate.tenants.store import unknown_tenant
from waystate.work.batch import with_retries
from waystate.work.loops import Hint


class _TemplateMissed(Exception):
    """The transaction is rolled back: WhatsApp is asked with none open."""

    def __init__(self, missed: Missed) -> None:
        super().__init__("templates are not known as they may be by now")
        self.missed = missed


class Sends:
    """A tenant's messages to its customers, for whoever may send them.

    `viewer`: who asks, where what is out of their sight is not there for them; None: everything is in sight.
    """

    def __init__(
        self,
        db: Database,
        directory: Directory,
        templates: TemplateSyncs,
        relay_hint: Hint,
        changed: AfterCommit,
        clock: Clock,
    ) -> None:
        self._db = db
        self._directory = directory
        self._sights = Sights(directory)
        self._templates = templates
        self._relay_hint = relay_hint
        self._changed = changed
        self._clock = clock

    async def post(
        self, tenant: TenantId, drafts: Sequence[Draft], mode: Mode, viewer: Principal | None = None
    ) -> list[SendOutcome | Refused]:
        """What became of each. Of `allOrNothing`, one that is refused is raised, with its place, and nothing has an effect."""

        try:
            results, events = await with_retries(lambda: self._post(tenant, drafts, mode, viewer, is_last=False))
        except _TemplateMissed as error:
            # What was approved a moment ago is not known here yet.
            for account, keys in error.missed.items():
                await self._templates.find_or_sync(tenant, account, keys)
            results, events = await with_retries(lambda: self._post(tenant, drafts, mode, viewer, is_last=True))
        self._tell(tenant, events)
        return results

    async def _post(
        self, tenant: TenantId, drafts: Sequence[Draft], mode: Mode, viewer: Principal | None, *, is_last: bool
    ) -> tuple[list[SendOutcome | Refused], list[Event]]:
        async with self._db.tenant(tenant) as conn:
            posted = await self._post_in(conn, tenant, drafts, await self._sights.find(conn, viewer))
            if posted.missed and not is_last:
                raise _TemplateMissed(posted.missed)
            if mode is Mode.ALL_OR_NOTHING:
                _raise_first(posted.results)
            await outbox.append_many(conn, tenant, posted.events)
        return posted.results, posted.events

    async def _post_in(
        self, conn: Connection, tenant: TenantId, drafts: Sequence[Draft], sight: Sight = EVERYTHING
    ) -> PostedMany:
        view = await self._directory.find_tenant_in(conn, tenant)
        if view is None:
            raise unknown_tenant(tenant)
        return await post_many(conn, tenant, view, drafts, self._clock(), sight)

    async def read(self, tenant: TenantId, names: Sequence[str], viewer: Principal | None = None) -> list[MessageAnswer]:
        """Those of the messages, and of what is planned, that there are, in the order asked for; by any of their ids."""
        async with self._db.tenant(tenant) as conn:
            ids = await _ids_of(conn, tenant, names)
            sight = await self._sights.find(conn, viewer)
            return await self.read_in(conn, tenant, [ids[each] for each in names if each in ids], sight)

    async def list_versions(self, tenant: TenantId, name: str, viewer: Principal | None = None) -> VersionList:
        """A message as it was said, and as its customer changed it."""
        async with self._db.tenant(tenant) as conn:
            message_id = await self._get_id(conn, tenant, name, viewer)
            rows = await message_store.list_by_ids(conn, tenant, [message_id])
            if not rows:
                raise NotFound("message_not_found", f"There is no message {name}.")
            (row,) = rows
            owners = {row["wamid"]: row["contact_id"]} if row["wamid"] is not None else {}
            found = await find_amends(conn, tenant, owners)
        return render_versions(row, found.versions.get(row["wamid"], ()))

    async def list_planned(
        self, tenant: TenantId, wanted: PlannedFilter, *, after: UUID | None, limit: int, viewer: Principal | None = None
    ) -> tuple[list[MessageAnswer], UUID | None]:
        """The newest first, and where the next page begins, if there is one; of what is out of sight a page is shorter."""
        async with self._db.tenant(tenant) as conn:
            rows = await planned_store.list_page(conn, tenant, wanted, after=after, page=limit + 1)
            seen = await list_seen_plans(conn, tenant, await self._sights.find(conn, viewer), rows[:limit])
        return [render_planned(each) for each in seen], rows[limit - 1].id if len(rows) > limit else None

    async def withdraw(self, tenant: TenantId, name: str, viewer: Principal | None = None) -> MessageAnswer:
        """What is queued or planned will not be sent."""

        async def withdraw() -> tuple[MessageAnswer, list[Event]]:
            now = self._clock()
            async with self._db.tenant(tenant) as conn:
                message_id = await self._get_id(conn, tenant, name, viewer)
                planned = await planned_store.withdraw(conn, tenant, message_id, now)
                if planned is None:
                    await _check_waits(conn, tenant, message_id)
                queued = message_id if planned is None else planned.message_id
                events: list[Event] = [] if planned is None else told_of_outcomes([withdrawn(planned)], now)
                if queued is not None:
                    refused, failed = await withdraw_with_plans(conn, tenant, [queued], now)
                    # Of a text in parts the rest is kept back, though one of them is being sent.
                    if queued in refused:
                        raise refused[queued]
                    events += failed
                (answer,) = await self.read_in(conn, tenant, [message_id])
                await outbox.append_many(conn, tenant, events)
                return answer, events

        answer, events = await with_retries(withdraw)
        self._tell(tenant, events)
        return answer

    async def resend(
        self, tenant: TenantId, name: str, speaker: Speaker, actor: Actor, viewer: Principal | None = None
    ) -> MessageAnswer:
        """A new message that says the same; only of one that failed, or of which nobody knows whether it arrived, and once.

        Of what goes out in parts the last one is returned: with it all has arrived.
        """

        async def resend() -> tuple[MessageAnswer, list[Event]]:
            async with self._db.tenant(tenant) as conn:
                again = await lock_failed(conn, tenant, await self._get_id(conn, tenant, name, viewer), speaker, actor)
                posted = await self._post_in(conn, tenant, again.parts(self._clock()))
                _raise_first(posted.results)
                outcome = posted.results[-1]
                assert not isinstance(outcome, Refused)
                await note_again(conn, tenant, again, id_of(outcome))
                (answer,) = await self.read_in(conn, tenant, [id_of(outcome)])
                await outbox.append_many(conn, tenant, posted.events)
                return answer, posted.events

        answer, events = await with_retries(resend)
        self._tell(tenant, events)
        return answer

    async def show_read(self, tenant: TenantId, name: str, *, typing: bool, viewer: Principal | None = None) -> None:
        """Their customer's phone shows that a message was read, and `typing` for 25 seconds that somebody answers."""

        async def mark() -> Event:
            async with self._db.tenant(tenant) as conn:
                message_id = await self._get_id(conn, tenant, name, viewer)
                event = await marks.mark_read(conn, tenant, message_id, self._clock(), typing=typing)
                await outbox.append_many(conn, tenant, [event])
                return event

        self._tell(tenant, [await with_retries(mark)])

    async def mark_read(self, tenant: TenantId, ids: Sequence[UUID], viewer: Principal | None = None) -> list[UUID]:
        """Messages of ours that were delivered are read (seed 004); the ids of those that changed."""

        async def mark() -> tuple[list[UUID], list[Event]]:
            now = self._clock()
            async with self._db.tenant(tenant) as conn:
                hidden = await find_hidden_messages(conn, tenant, await self._sights.find(conn, viewer), ids)
                messages = await message_store.lock_many(conn, tenant, sorted(set(ids) - hidden))
                delivered = [
                    key
                    for key, each in messages.items()
                    if each.state.direction is Direction.OUTBOUND and each.state.status is Status.DELIVERED
                ]
                reports = [_read(each, now) for each in delivered]
                events = (await advance(conn, tenant, reports, now)).events if reports else []
                await outbox.append_many(conn, tenant, events)
                return delivered, events

        delivered, events = await with_retries(mark)
        self._tell(tenant, events)
        return delivered

    async def _get_id(self, conn: Connection, tenant: TenantId, name: str, viewer: Principal | None) -> UUID:
        """Ours. What is planned is in sight like a message."""
        found = await _get_id(conn, tenant, name)
        sight = await self._sights.find(conn, viewer)
        await check_message(conn, tenant, sight, found, name)
        planned = await planned_store.find_many(conn, tenant, [found]) if sight.viewer is not None else []
        if len(await list_seen_plans(conn, tenant, sight, planned)) < len(planned):
            raise NotFound("message_not_found", f"There is no message {name}.")
        return found

    async def read_in(
        self, conn: Connection, tenant: TenantId, ids: Sequence[UUID], sight: Sight = EVERYTHING
    ) -> list[MessageAnswer]:
        """Without those that are out of sight."""
        hidden = await find_hidden_messages(conn, tenant, sight, ids)
        ids = [each for each in ids if each not in hidden]
        rows = await message_store.list_by_ids(conn, tenant, ids)
        found = {each.id: each for each in await self._render(conn, tenant, rows)}
        rest = [each for each in ids if each not in found]
        if rest:
            planned = await list_seen_plans(conn, tenant, sight, await planned_store.find_many(conn, tenant, rest))
            found |= {each.id: render_planned(each) for each in planned}
        return [found[each] for each in dict.fromkeys(ids) if each in found]

    async def read_latest_in(
        self, conn: Connection, tenant: TenantId, contact_id: UUID, batch: int, sight: Sight
    ) -> list[MessageAnswer]:
        """A customer's messages, the newest first; of a person two statements."""
        return await self._render(conn, tenant, await message_store.list_latest(conn, tenant, contact_id, batch, sight))

    async def _render(self, conn: Connection, tenant: TenantId, rows: Sequence[dict[str, Any]]) -> list[MessageAnswer]:
        owners = {row["wamid"]: row["contact_id"] for row in rows if row["wamid"] is not None}
        said = await find_amends(conn, tenant, owners)
        writers = await find_writers(conn, tenant, {row["id"]: row["metadata"] for row in rows})
        return [render_message(row, amends_of(row["wamid"], said, writers.get(row["id"]))) for row in rows]

    def _tell(self, tenant: TenantId, events: Sequence[Event]) -> None:
        self._changed(tenant, events)
        self._relay_hint.give(tenant)


async def _ids_of(conn: Connection, tenant: TenantId, names: Sequence[str]) -> dict[str, UUID]:
    """Our id by each name: our own, WhatsApp's or Genesys'. What is no id of ours and not known is left out."""
    own = {name: message_id for name in names if (message_id := find_uuid(name)) is not None}
    # What has a NUL in it is nobody's id, and the database would not take it.
    rest = [name for name in names if name not in own and is_whole(name)]
    return own | (await message_store.find_ids(conn, tenant, rest) if rest else {})


async def _get_id(conn: Connection, tenant: TenantId, name: str) -> UUID:
    found = (await _ids_of(conn, tenant, [name])).get(name)
    if found is None:
        raise NotFound("message_not_found", f"There is no message {name}.")
    return found


async def _check_waits(conn: Connection, tenant: TenantId, planned_id: UUID) -> None:
    found = await planned_store.find_many(conn, tenant, [planned_id])
    if found:
        became = f" as message {found[0].message_id}" if found[0].message_id is not None else ""
        raise Conflict("not_waiting", f"It waits no more: it is {found[0].state}{became}.")


def _raise_first(results: Sequence[SendOutcome | Refused]) -> None:
    refused = [(place, each) for place, each in enumerate(results) if isinstance(each, Refused)]
    if not refused:
        return
    place, first = refused[0]
    if len(results) > 1:
        first.extra["place"] = place
        first.extra["refused"] = [{"place": at, "code": each.code, "detail": each.detail} for at, each in refused[:100]]
    raise first


def _read(message_id: UUID, now: datetime) -> StatusReport:
    return StatusReport(wamid="", message_id=message_id, status=Status.READ, at=now, source="api", origin=SAID)
