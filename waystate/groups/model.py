"""A WhatsApp group: a contact that several people write as, each a contact of their own. Pure.

Official Business Accounts alone have groups, of at most 8 people besides the business, and WhatsApp takes texts, files and
templates of these there. https://developers.facebook.com/documentation/business-messaging/whatsapp/groups/groups-messaging/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.errors import Reason, Rejected

NAMELESS = "WhatsApp group"
"""What a group is called until WhatsApp tells its subject."""


class GroupState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`group_id` is WhatsApp's; `subject` is None until WhatsApp tells it. Each `…_at` is when it was so, as WhatsApp says."""

    contact_id: UUID
    group_id: str
    subject: str | None = None
    subject_at: datetime | None = None
    state: GroupState = GroupState.ACTIVE
    state_at: datetime | None = None

    def refusal(self) -> Rejected | None:
        """Returns why nothing can be sent to it; None where it takes messages."""
        match self.state:
            case GroupState.SUSPENDED:
                text = "WhatsApp has suspended this group: nobody can write in it until that is lifted. Write to its members."
                return Rejected(Reason.GROUP_UNAVAILABLE, text)
            case GroupState.DELETED:
                return Rejected(Reason.GROUP_UNAVAILABLE, "This group was deleted. Write to those who were in it, one by one.")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody who is in a group, or was (`left_at`); both times are None where WhatsApp did not tell.

    `told_at`: when the newest word of it was said. `name`, `wa_id` and `user_id` are what the person has now.
    """

    contact_id: UUID
    told_at: datetime
    role: str = "member"
    joined_at: datetime | None = None
    left_at: datetime | None = None
    name: str | None = None
    wa_id: str | None = None
    user_id: str | None = None


class GroupWord(NamedTuple):
    """What is heard of a person in a group: they wrote there, joined it or left it."""

    contact_id: UUID
    at: datetime
    what: Literal["wrote", "joined", "left"]


class Spoken(NamedTuple):
    """A message of a group: which group it is, and who of it wrote."""

    group: Group
    writer: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFact:
    """What WhatsApp tells of a group at `at`: its subject, its state, or None of what it does not tell."""

    at: datetime
    subject: str | None = None
    state: GroupState | None = None


def after_words(known: Mapping[UUID, Participant], words: Iterable[GroupWord]) -> dict[UUID, Participant]:
    """Returns those of whom something changed, as they are after these words; an older word turns no newer one back."""
    people = dict(known)
    for word in words:
        before = people.get(word.contact_id)
        people[word.contact_id] = _after(before or Participant(contact_id=word.contact_id, told_at=word.at), word)
    return {key: each for key, each in people.items() if known.get(key) != each}


def _after(before: Participant, word: GroupWord) -> Participant:
    joined = max(before.joined_at or word.at, word.at) if word.what == "joined" else before.joined_at
    if word.at < before.told_at:
        return replace(before, joined_at=joined)
    match word.what:
        case "left":
            return replace(before, left_at=word.at, told_at=word.at)
        case "joined":
            return replace(before, joined_at=joined, left_at=None, told_at=word.at)
    # WhatsApp's times are whole seconds: what was written in the second of a leave was written before it.
    is_back = before.left_at is not None and word.at > before.left_at
    return replace(before, left_at=None if is_back else before.left_at, told_at=word.at)


def after_told(before: Group, told: Iterable[GroupFact]) -> Group:
    """Returns the group as it is after these; an older word turns no newer one back."""
    group = before
    for each in told:
        if each.subject is not None and (group.subject_at is None or each.at >= group.subject_at):
            group = replace(group, subject=each.subject, subject_at=each.at)
        # What is deleted is gone for good, whatever comes late.
        is_newer = group.state_at is None or each.at >= group.state_at
        if each.state is not None and is_newer and group.state is not GroupState.DELETED:
            group = replace(group, state=each.state, state_at=each.at)
    return group
