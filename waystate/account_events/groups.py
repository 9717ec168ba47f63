"""What WhatsApp tells of groups changes them: their contacts' names, whether they take messages, and who is in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from waystate.channels.model import AccountReport
from waystate.channels.whatsapp.group_reports import GroupReport, group_reports_of, is_of_groups
from waystate.channels.whatsapp.senders import Sender
from waystate.contacts import store as contact_store
from waystate.contacts.model import Writer, group_of, person_of
from waystate.db.pool import Connection
from waystate.events.model import Event, GroupChanged
from waystate.groups import store as group_store
from waystate.groups.model import Group, GroupFact, GroupWord, Participant
from waystate.ids import TenantId
from waystate.messages.echo import find_or_make

Said = tuple[str, GroupReport]
"""The number by which it was told, and what."""
Ids = tuple[str | None, str | None]
"""Phone and business-scoped user id."""


async def change_many(conn: Connection, tenant: TenantId, reports: Sequence[AccountReport], now: datetime) -> list[Event]:
    """In the caller's transaction, which appends the events. A group that is told of becomes a contact, if it is none yet.

    Who joined becomes a contact too. Who left and is not known was in none of our groups. An older word changes nothing.
    """
    said: list[Said] = [
        (report.phone_number_id or "", each)
        for report in reports
        if is_of_groups(report.field)
        for each in group_reports_of(report.field, report.value, report.at)
        # Of a group that could not be made there is nothing to know.
        if each.subject or each.state or each.joined or each.left
    ]
    if not said:
        return []
    homes, people, events = await _find_or_make(conn, tenant, said, now)
    await group_store.found_many(conn, tenant, {contact: group_id for group_id, contact in homes.items()})
    locked = await group_store.lock_many(conn, tenant, homes.values())
    facts: dict[UUID, list[GroupFact]] = {}
    words: dict[UUID, list[GroupWord]] = {}
    for _, each in sorted(said, key=lambda one: one[1].at):
        home = homes[each.group_id]
        facts.setdefault(home, []).append(GroupFact(at=each.at, subject=each.subject, state=each.state))
        words.setdefault(home, []).extend(_words(each, people))
    changed = await group_store.tell_many(conn, tenant, locked, facts)
    heard = await group_store.hear_many(conn, tenant, words)
    numbers = {homes[each.group_id]: number for number, each in said}
    after = {home: changed.get(home, group) for home, group in locked.items() if home in changed or heard[home]}
    return [*events, *(_changed(group, heard[home], numbers[home], now) for home, group in after.items())]


async def _find_or_make(
    conn: Connection, tenant: TenantId, said: Sequence[Said], now: datetime
) -> tuple[dict[str, UUID], dict[Ids, UUID], list[Event]]:
    """WhatsApp's id of each group → the contact that it is; people by their ids; and the events of who turned out to be one."""
    joined = {_ids_of(person): _writer(person, each.at) for _, each in said for person in each.joined}
    group_ids = list(dict.fromkeys(each.group_id for _, each in said))
    everybody = [*map(group_of, group_ids), *joined.values()]
    made, events = await find_or_make(conn, tenant, everybody, said[0][0], now)
    people = dict(zip(joined, made[len(group_ids) :], strict=True))
    people |= await _find_leavers(conn, tenant, said, people)
    return dict(zip(group_ids, made, strict=False)), people, events


def _changed(group: Group, people: Mapping[UUID, Participant], phone_number_id: str, now: datetime) -> GroupChanged:
    return GroupChanged(
        contact_id=group.contact_id,
        phone_number_id=phone_number_id,
        at=now,
        group_id=group.group_id,
        subject=group.subject,
        state=group.state.value,
        joined=[key for key, each in people.items() if each.left_at is None],
        left=[key for key, each in people.items() if each.left_at is not None],
    )


async def _find_leavers(conn: Connection, tenant: TenantId, said: Sequence[Said], known: Mapping[Ids, UUID]) -> dict[Ids, UUID]:
    """Ids → contact of those who left, by what they had then."""
    left = {_ids_of(person): _writer(person, each.at) for _, each in said for person in each.left}
    asked = {ids: each for ids, each in left.items() if ids not in known}
    if not asked:
        return {}
    past = await contact_store.find_past(conn, tenant, {one for each in asked.values() for one in each.identities})
    found = {ids: past.find_writer(each) for ids, each in asked.items()}
    return {ids: contact for ids, contact in found.items() if contact is not None}


def _words(report: GroupReport, people: Mapping[Ids, UUID]) -> list[GroupWord]:
    joined = [GroupWord(people[_ids_of(each)], report.at, "joined") for each in report.joined]
    left = [GroupWord(people[_ids_of(each)], report.at, "left") for each in report.left if _ids_of(each) in people]
    return [*joined, *left]


def _ids_of(person: Sender) -> Ids:
    return person.wa_id, person.user_id


def _writer(person: Sender, at: datetime) -> Writer:
    return person_of(person.wa_id, person.user_id, person.name, at)
