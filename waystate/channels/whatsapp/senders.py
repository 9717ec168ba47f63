"""Who sent a WhatsApp message: a phone, a business-scoped user id (BSUID), or both; either may be missing or empty."""

import re
from dataclasses import dataclass
from typing import Any

from waystate.channels.fields import find_object, find_text

_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_PARENT = ".ENT."


@dataclass(frozen=True, slots=True)
class Sender:
    wa_id: str | None
    user_id: str | None
    parent_user_id: str | None
    name: str | None
    username: str | None


class ContactBook:
    """The `contacts[]` of one change, by every id they carry."""

    def __init__(self, contacts: list[Any], messages: list[Any]) -> None:
        self._by_id: dict[str, Any] = {}
        for contact in contacts:
            for key in ("wa_id", "user_id"):
                identifier = find_text(contact, key)
                if identifier is not None:
                    self._by_id.setdefault(identifier, contact)
        self._only = contacts[0] if len(contacts) == 1 and len({_named(message) for message in messages}) <= 1 else None

    def find_contact(self, message: Any) -> Any:
        """The sender's entry. `from` and `wa_id` may differ (Brazil's ninth digit), so one entry for one sender is theirs."""
        for key in ("from", "from_user_id"):
            contact = self._by_id.get(find_text(message, key) or "")
            if contact is not None:
                return contact
        return self._only


def find_sender(message: Any, contact: Any) -> Sender | None:
    """Who sent it, or None where nothing names a person. A BSUID is told by its shape, also where a phone is expected."""
    ids = _phone_fields(message, contact)
    user_id = find_text(message, "from_user_id") or find_text(contact, "user_id")
    parent_user_id = find_text(message, "from_parent_user_id") or find_text(contact, "parent_user_id")
    if user_id is None and ids == (None, None):
        ids, user_id, parent_user_id = _system_fields(message)
    wa_id = None
    for value in ids:
        if value is None:
            continue
        if not _is_bsuid(value):
            wa_id = wa_id or value
        elif _PARENT in value:
            parent_user_id = parent_user_id or value
        else:
            user_id = user_id or value
    user_id = user_id or (parent_user_id if wa_id is None else None)
    if wa_id is None and user_id is None:
        return None
    profile = find_object(contact, "profile")
    username = find_text(profile, "username")
    return Sender(wa_id, user_id, parent_user_id, find_text(profile, "name") or username, username)


def _phone_fields(message: Any, contact: Any) -> tuple[str | None, ...]:
    """The contact's `wa_id` first; not in system messages, which speak of two numbers: there `from` is the known one."""
    listed, origin = find_text(contact, "wa_id"), find_text(message, "from")
    return (origin, listed) if find_text(message, "type") == "system" else (listed, origin)


def _system_fields(message: Any) -> tuple[tuple[str | None, ...], str | None, str | None]:
    """Phones, user id and parent id of the `system` object: such messages may lack `from` and contacts."""
    system = find_object(message, "system")
    phones = tuple(find_text(system, key) for key in ("customer", "wa_id", "new_wa_id"))
    return phones, find_text(system, "user_id"), find_text(system, "parent_user_id")


def _is_bsuid(identifier: str) -> bool:
    return identifier[2:3] == "." and _BSUID.fullmatch(identifier) is not None


def _named(message: Any) -> str | None:
    return find_text(message, "from") or find_text(message, "from_user_id")
