"""What webhooks of the fields `group_…` tell of groups: subject, state, who joined and who left. Pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/groups/webhooks/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.whatsapp.senders import Sender, find_party
from waystate.documents import JsonObject, is_whole, shorten
from waystate.groups.model import GroupState

_STATES = {
    "group_create": GroupState.ACTIVE,
    "group_delete": GroupState.DELETED,
    "group_suspend": GroupState.SUSPENDED,
    "group_suspend_cleared": GroupState.ACTIVE,
}
_STATE_FIELDS = frozenset({"group_lifecycle_update", "group_status_update"})
_LONGEST_ID, _LONGEST_SUBJECT = 512, 128
"""Characters; WhatsApp's subjects have at most 128."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """What is told of one group; None and nobody where it is not told."""

    group_id: str
    at: datetime
    subject: str | None = None
    state: GroupState | None = None
    joined: tuple[Sender, ...] = ()
    left: tuple[Sender, ...] = ()


def is_of_groups(field: str) -> bool:
    return field.startswith("group_")


def group_reports_of(field: str, value: JsonObject, at: datetime) -> list[GroupReport]:
    """One a group that the change names. `at` stands in for a time that is missing or cannot be.

    Published payloads say `group_create` also where people were removed, so who joined and left is told by its list; a state
    only by the field of states. What failed changes nothing.
    """
    reports: list[GroupReport] = []
    for said in find_list(value, "groups") or []:
        group_id = find_text(said, "group_id")
        if group_id is None or len(group_id) > _LONGEST_ID or not is_whole(group_id):
            continue
        has_failed = bool(find_list(said, "errors"))
        state = None if has_failed or field not in _STATE_FIELDS else _STATES.get(find_text(said, "type") or "")
        reports.append(
            GroupReport(
                group_id=group_id,
                at=moment_of(said.get("timestamp"), at),
                subject=_subject(said, has_failed=has_failed),
                state=state,
                joined=tuple(_people(said, "added_participants")),
                left=tuple(_people(said, "removed_participants")),
            )
        )
    return reports


def _subject(said: Mapping[str, Any], *, has_failed: bool) -> str | None:
    """A change of settings says of each part whether it held; where it does not, the whole's errors do."""
    changed = find_object(said, "group_subject")
    if changed is not None:
        held = changed.get("update_successful")
        has_held = held is True or (held is None and not find_list(changed, "errors") and not has_failed)
        subject = find_text(changed, "text") if has_held else None
    else:
        subject = None if has_failed else find_text(said, "subject")
    return None if subject is None or not subject.strip() else shorten(subject, _LONGEST_SUBJECT)


def _people(said: Mapping[str, Any], key: str) -> Iterator[Sender]:
    """`input` is what the business named them by: a phone or a business-scoped user id."""
    for each in find_list(said, key) or []:
        ids = [find_text(each, name) for name in ("user_id", "parent_user_id", "wa_id", "input")]
        person = find_party(ids, find_object(each, "profile") or {"username": find_text(each, "username")})
        if person is not None:
            yield person
