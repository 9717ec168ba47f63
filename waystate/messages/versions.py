"""What becomes of a message that its customer changes: its versions, and which of them holds. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.documents import JsonObject

ORIGINAL: Literal["original"] = "original"
EDIT: Literal["edit"] = "edit"
REVOKE: Literal["revoke"] = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The message `wamid` as it was from `at` on, by the platform's time; a `revoke` says that it is no more.

    `changed_by` is the wamid of the edit or revocation, `contact_id` whose that is, `id` (UUIDv7) when it was learned.
    """

    wamid: str
    changed_by: str
    kind: Literal["original", "edit", "revoke"]
    contact_id: UUID
    at: datetime
    id: UUID
    type: str
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None

    @property
    def order(self) -> tuple[bool, datetime, UUID]:
        """The original comes first, whatever its clock says; then by the platform's time, then as they came."""
        return self.kind != ORIGINAL, self.at, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReaction:
    """What a customer says of the message `wamid` by the reaction `changed_by`; `emoji` None: nothing any more."""

    wamid: str
    contact_id: UUID
    emoji: str | None
    at: datetime
    id: UUID
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessReaction:
    """What the business says of the message `wamid` by its own message `id`, in a conversation with `contact_id`."""

    wamid: str
    contact_id: UUID
    emoji: str | None
    at: datetime
    id: UUID


class Amended(NamedTuple):
    """How a message is now, and by what: of one that was taken back nothing is left but the words in its place."""

    type: str
    text: str | None
    content: JsonObject
    media: JsonObject | None
    edited_at: datetime | None
    revoked_at: datetime | None
    changed_by: str


def amended_by(versions: Iterable[Version]) -> Amended:
    """Any order of the same versions ends the same: what was taken back stays so, else the newest version holds."""
    ordered = sorted(versions, key=lambda each: each.order)
    said = [each for each in ordered if each.kind != REVOKE]
    revoked = next((each for each in ordered if each.kind == REVOKE), None)
    newest = said[-1]
    edited_at = newest.at if newest.kind == EDIT else None
    if revoked is not None:
        return Amended(said[0].type, revoked.text, {}, None, edited_at, revoked.at, revoked.changed_by)
    return Amended(newest.type, newest.text, newest.content, newest.media, edited_at, None, newest.changed_by)
