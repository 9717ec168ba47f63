"""Merges, and what undoing one comes to. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from waystate.conversations.model import MERGED, OPEN, ConversationStatus
from waystate.documents import JsonObject
from waystate.errors import Conflict
from waystate.ids import id_floor, time_of

_UNDER_WAY = timedelta(minutes=10)
"""A message has its id when it is taken, and may wait then: longer than any of ours waits for a merge."""
_DOCUMENTS = ("preferences", "metadata")
_TEXTS = ("email", "phone_number", "username", "language", "profile_picture_url")
_GIVEN = ("name", "is_named_by_hand", *_TEXTS, "tags", *_DOCUMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRecord:
    """`merged_id` was merged into `into_id`, and leads to `contact_id` by now; `undo` is what it takes to be undone.

    `made_by` is `user:…`, `key:…`; None: a message proved it.
    """

    id: UUID
    merged_id: UUID
    into_id: UUID
    contact_id: UUID
    merged_at: datetime
    made_by: str | None
    undo: JsonObject

    @property
    def contact(self) -> JsonObject:
        """The contact as it was."""
        contact: JsonObject = self.undo["contact"]
        return contact

    @property
    def conversations(self) -> list[UUID]:
        """Those that were the contact's own."""
        return [UUID(each) for each in self.undo.get("conversations", ())]

    @property
    def closed(self) -> dict[UUID, ConversationStatus]:
        """Those of both that ended because the other had one on the number, with what they were before."""
        return {UUID(key): ConversationStatus(each) for key, each in self.undo.get("closed", {}).items()}

    @property
    def mark(self) -> UUID:
        """What was received since has a greater id; so may what was received a little earlier."""
        kept = self.undo.get("mark")
        return id_floor((self.merged_at if kept is None else time_of(UUID(kept))) - _UNDER_WAY)

    def is_since(self, conversation: UUID) -> bool:
        """Whether it was opened after the merge."""
        before = self.undo.get("others")
        if before is None:
            return conversation > id_floor(self.merged_at)
        return str(conversation) not in before and conversation not in self.conversations

    @property
    def external_ids(self) -> set[str]:
        """Every id by which the contact was known."""
        return {each["external_id"] for each in self.contact.get("identities", ())}


class HeldConversation(NamedTuple):
    """Of the contact that two turned out to be."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    status: str
    close_reason: str | None
    expires_at: datetime
    control_epoch: int


class LaterMessage(NamedTuple):
    """What was received or written since the merge. `external_id`: where it came from, or went to; None: nobody can tell."""

    id: UUID
    conversation_id: UUID
    direction: str
    sent_at: datetime
    wamid: str | None
    text: str | None
    external_id: str | None


@dataclass(slots=True)
class Separation:
    """What undoing a merge does to conversations and messages.

    `given`: the conversations that are the restored contact's. `moving`: messages that go to another conversation, by contact
    and number.
    """

    given: list[UUID] = field(default_factory=list)
    reopened: dict[UUID, ConversationStatus] = field(default_factory=dict)
    moving: dict[tuple[str, UUID], list[LaterMessage]] = field(default_factory=dict)
    open: dict[tuple[str, UUID], UUID] = field(default_factory=dict)
    """The one open conversation of each number and contact after it."""

    @property
    def moved(self) -> list[LaterMessage]:
        return [each for several in self.moving.values() for each in several]


def separate(
    record: MergeRecord,
    held: Sequence[HeldConversation],
    later: Iterable[LaterMessage],
    owned: Collection[str],
    others: Collection[str],
    now: datetime,
) -> Separation:
    """`owned`: ids that are the restored contact's (`record.merged_id`) again; `others` stay with `record.contact_id`.

    A conversation of before the merge goes to whose it was; one since then to whom all its messages are of, else it stays.
    Messages follow the id that they came from or went to. Raises Conflict where a conversation that the merge had closed
    would be open beside another one.
    """
    restored, holder = record.merged_id, record.contact_id
    owner = {**dict.fromkeys(owned, restored), **dict.fromkeys(others, holder)}
    said: dict[UUID, list[LaterMessage]] = {}
    for message in later:
        said.setdefault(message.conversation_id, []).append(message)
    done, own = Separation(), set(record.conversations)
    homes: dict[UUID, UUID] = {}
    for each in held:
        writers = {owner[one.external_id] for one in said.get(each.id, ()) if one.external_id in owner}
        is_theirs = each.id in own or (record.is_since(each.id) and writers == {restored})
        homes[each.id] = restored if is_theirs else holder
        if is_theirs:
            done.given.append(each.id)
    together: dict[tuple[str, UUID], list[UUID]] = {}
    for each in held:
        before = record.closed.get(each.id)
        is_reopened = before is not None and each.close_reason == MERGED and each.expires_at > now
        if is_reopened and before is not None:
            done.reopened[each.id] = before
        if is_reopened or each.status in OPEN:
            together.setdefault((each.phone_number_id, homes[each.id]), []).append(each.id)
    for several in together.values():
        if len(several) > 1:
            raise conversations_collide(several)
    done.open = {key: several[0] for key, several in together.items()}
    numbers = {each.id: each.phone_number_id for each in held}
    for conversation, messages in said.items():
        for one in messages:
            whose = owner.get(one.external_id or "", homes[conversation])
            if whose != homes[conversation]:
                done.moving.setdefault((numbers[conversation], whose), []).append(one)
    return done


def without_given(now: Mapping[str, Any], before: Mapping[str, Any], given: Mapping[str, Any]) -> JsonObject:
    """Returns a contact's fields (`now`) without what it had only from another one (`given`), by what it was `before`.

    What somebody changed since stays.
    """
    fields = dict(now)
    for name in _TEXTS:
        if before.get(name) is None and fields[name] is not None and fields[name] == given.get(name):
            fields[name] = None
    if fields["name"] == given.get("name") and before.get("name") != given.get("name"):
        fields |= {"name": before.get("name"), "is_named_by_hand": bool(before.get("is_named_by_hand"))}
    gained = set(given.get("tags") or ()) - set(before.get("tags") or ())
    fields["tags"] = tuple(each for each in fields["tags"] or () if each not in gained)
    for name in _DOCUMENTS:
        was, theirs = before.get(name) or {}, given.get(name) or {}
        fields[name] = {
            key: value for key, value in (fields[name] or {}).items() if key in was or key not in theirs or theirs[key] != value
        }
    return fields


def without_restored(above: MergeRecord, record: MergeRecord, owned: Collection[str], given: Collection[UUID]) -> JsonObject:
    """Returns what `above` keeps for its own undoing, when `record` is undone, by which its contact had become what it was.

    What the restored contact has again (ids `owned`, conversations `given`) is not to be taken from them a second time.
    """
    undo, gone = above.undo, set(map(str, given))
    contact = dict(above.contact)
    contact["identities"] = [each for each in contact.get("identities", ()) if each["external_id"] not in owned]
    before = record.undo.get("into")
    if before is not None and above.merged_id == record.into_id:
        contact |= without_given({name: contact.get(name) for name in _GIVEN}, before, record.contact)
    kept = {**undo, "contact": contact}
    kept["conversations"] = [each for each in undo.get("conversations", ()) if each not in gone]
    if "others" in undo:
        kept["others"] = [*undo["others"], *gone]
    kept["planned"] = _less(undo.get("planned", ()), record.undo.get("planned", ()))
    theirs = record.undo.get("groups", {})
    only_theirs = _less(theirs.get("contact", ()), theirs.get("into", ()))
    groups = undo.get("groups", {})
    kept["groups"] = {**groups, "contact": _less(groups.get("contact", ()), only_theirs)}
    return kept


def path_to(holder: UUID, begin: UUID, chain: Iterable[tuple[UUID, UUID]]) -> list[UUID]:
    """Returns the contacts from `begin` on that turned out to be others, one after the other, before the `holder` of all."""
    into, path = dict(chain), list[UUID]()
    while begin != holder and begin in into:
        path.append(begin)
        begin = into[begin]
    return path


def _less(values: Iterable[Any], taken: Iterable[Any]) -> list[Any]:
    less = set(taken)
    return [each for each in values if each not in less]


def aliases_of(restored: UUID, chain: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Returns who had turned out to be this contact before it turned out to be another. `chain`: merged → into what."""
    into = dict(chain)
    found: set[UUID] = set()
    while more := {merged for merged, by in into.items() if by in {restored, *found}} - found - {restored}:
        found |= more
    return found


def conversations_collide(ids: Sequence[UUID]) -> Conflict:
    return Conflict(
        "conversations_collide",
        "Undone, one customer would have two open conversations on one number: the one that the merge had closed, and one that "
        "was begun since. Close one of them, or wait until it ends; then undo the merge.",
        conversations=[str(each) for each in ids],
    )
