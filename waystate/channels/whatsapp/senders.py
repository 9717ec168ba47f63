"""Who sent a WhatsApp message: a phone, a business-scoped user id (BSUID), or both; either may be missing or empty."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from waystate.channels.fields import find_object, find_text
from waystate.contacts.model import PHONE
from waystate.contacts.spellings import other_spelling

_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_PARENT = ".ENT."


@dataclass(frozen=True, slots=True)
class Sender:
    """`other_wa_ids`: phones that are the sender's besides `wa_id`, such as a `from` that differs from it."""

    wa_id: str | None
    user_id: str | None
    parent_user_id: str | None
    name: str | None
    username: str | None
    other_wa_ids: tuple[str, ...] = ()


class ContactBook:
    """The `contacts[]` of one change, by every id they carry."""

    def __init__(self, contacts: list[Any], messages: list[Any]) -> None:
        self._by_id: dict[str, Any] = {}
        for contact in contacts:
            for key in ("wa_id", "user_id"):
                identifier = find_text(contact, key)
                if identifier is not None:
                    self._by_id.setdefault(identifier, contact)
        self._contacts, self._messages = contacts, messages

    def find_contact(self, message: Any) -> Any:
        """The sender's entry. `from` and `wa_id` may differ, so the one entry left over is the one sender left over."""
        return self._find_named(message) or (None if is_system(message) else self._last)

    def _find_named(self, message: Any) -> Any:
        """By an id of the sender, or by the other spelling of their phone."""
        origin = find_text(message, "from") or ""
        return (
            self._by_id.get(origin)
            or self._by_id.get(find_text(message, "from_user_id") or "")
            or self._by_id.get(other_spelling(origin) or "")
        )

    @cached_property
    def _last(self) -> Any:
        """The one entry without a sender, if there is one sender without an entry; None where there are more of either."""
        named = [(message, self._find_named(message)) for message in self._messages if not is_system(message)]
        taken = {id(entry) for _, entry in named}
        free = [contact for contact in self._contacts if id(contact) not in taken]
        nameless = {_named(message) for message, entry in named if entry is None}
        return free[0] if len(free) == 1 and len(nameless) == 1 else None


def find_sender(message: Any, contact: Any) -> Sender | None:
    """Who sent it, or None where nothing names a person. Each id is told by its shape, whichever field it stands in.

    A `from` that is neither a phone nor a user id names nobody, whatever `contacts` say: then only `from_user_id` does.
    """
    is_told = is_system(message)
    phones, users, parents = _told_apart(_system_ids(message) if is_told else _ids(message, contact))
    if not phones and not users and not parents:
        return None
    profile = find_object(contact, "profile")
    username = find_text(profile, "username")
    return Sender(
        wa_id=phones[0] if phones else None,
        user_id=users[0] if users else parents[0] if parents and not phones else None,
        parent_user_id=parents[0] if parents else None,
        name=find_text(profile, "name") or username,
        username=username,
        other_wa_ids=() if is_told else tuple(phones[1:]),
    )


def is_system(message: Any) -> bool:
    """Whether it is the platform that speaks, of a person."""
    kind = find_text(message, "type")
    return kind == "system" or (kind is None and find_object(message, "system") is not None)


def is_customer_id(identifier: str) -> bool:
    """Whether it has the shape of a phone or of a business-scoped user id."""
    return PHONE.fullmatch(identifier) is not None or _BSUID.fullmatch(identifier) is not None


def _ids(message: Any, contact: Any) -> Iterable[str | None]:
    said = [find_text(message, "from_user_id"), find_text(message, "from_parent_user_id")]
    origin, listed = find_text(message, "from"), find_text(contact, "wa_id")
    if origin != listed and origin is not None and not is_customer_id(origin):
        return said
    return dict.fromkeys((*said, find_text(contact, "user_id"), find_text(contact, "parent_user_id"), listed, origin))


def _system_ids(message: Any) -> Iterable[str | None]:
    """Who the person was until then: such messages may lack `from` and contacts, and name old and new ids."""
    system = find_object(message, "system")
    before = [find_text(message, key) for key in ("from", "from_user_id", "from_parent_user_id")]
    before += [find_text(system, key) for key in ("previous_user_id", "customer")]
    after = ("user_id", "parent_user_id", "wa_id", "new_wa_id")
    return dict.fromkeys(before if any(before) else [find_text(system, key) for key in after])


def _told_apart(ids: Iterable[str | None]) -> tuple[list[str], list[str], list[str]]:
    """Phones, user ids and parent user ids; what has no such shape is none."""
    phones: list[str] = []
    users: list[str] = []
    parents: list[str] = []
    for value in ids:
        if value is None:
            continue
        if PHONE.fullmatch(value):
            phones.append(value)
        elif _BSUID.fullmatch(value):
            (parents if _PARENT in value else users).append(value)
    return phones, users, parents


def _named(message: Any) -> str | None:
    return find_text(message, "from") or find_text(message, "from_user_id")
