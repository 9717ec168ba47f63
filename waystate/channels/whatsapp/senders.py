"""Who sent a WhatsApp message: a phone, a business-scoped user id (BSUID), or both; either may be missing or empty."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from waystate.channels.fields import find_object, find_text
from waystate.contacts.model import BSUID, PHONE
from waystate.contacts.spellings import other_spelling

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

    def __init__(self, contacts: list[Any], messages: list[Any], statuses: Iterable[Any] = ()) -> None:
        self._by_id: dict[str, list[Any]] = {}
        for contact in contacts:
            for key in ("wa_id", "user_id"):
                identifier = find_text(contact, key)
                if identifier is not None:
                    self._by_id.setdefault(identifier, []).append(contact)
        self._contacts, self._messages, self._statuses = contacts, messages, statuses

    def find_contact(self, message: Any) -> Any:
        """The sender's entry. `from` and `wa_id` may differ, so the one entry left over is the one sender left over."""
        origin, user = find_text(message, "from"), find_text(message, "from_user_id")
        found: Sequence[Any] = self._by_id.get(origin or "", ())
        if user is None and len(found) == 1:
            return found[0]
        found = [*found, *self._by_id.get(user or "", ())] or self._by_id.get(other_spelling(origin or "") or "", [])
        if not found:
            return None if is_system(message) or _is_anothers(self._last, message) else self._last
        found, own = [entry for entry in found if not _is_anothers(entry, message)], _users_of(message)
        if own:
            order = [(find_text(entry, "wa_id") != origin, find_text(entry, "user_id") not in own) for entry in found]
            return found[order.index(min(order))] if found else None
        # One phone that is listed for two people says of neither that it is they who write.
        users = [find_text(entry, "user_id") for entry in found]
        return found[0] if len(set(users)) == 1 else found[users.index(None)] if None in users else None

    def _list_named(self, ids: Iterable[str | None]) -> list[Any]:
        return [entry for each in ids if each is not None for entry in self._by_id.get(each, ())]

    @cached_property
    def _last(self) -> Any:
        """The one entry of nobody named, if there is one sender without an entry; None where there are more of either."""
        taken: set[int] = set()
        nameless: set[str | None] = set()
        for message in self._messages:
            named = self._list_named(_named_by(message))
            taken.update(id(entry) for entry in named)
            if not named and not is_system(message):
                nameless.add(find_text(message, "from") or find_text(message, "from_user_id"))
        told = (find_text(status, key) for status in self._statuses for key in ("recipient_id", "recipient_user_id"))
        taken.update(id(entry) for entry in self._list_named(told))
        free = [contact for contact in self._contacts if id(contact) not in taken]
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


def find_addressee(echo: Any, contacts: Sequence[Any], business_phone: str | None) -> Sender | None:
    """The customer whom a business wrote to, or None where nothing names a person.

    Published payloads have it both ways round: whichever of `to` and `from` is the business's own phone is nobody's.
    """
    own = digits_of(business_phone)
    written_to = find_text(echo, "to")
    phone = find_text(echo, "from") if written_to is not None and digits_of(written_to) == own else written_to
    said = [find_text(echo, "to_user_id"), find_text(echo, "to_parent_user_id")]
    ids = {each for each in (phone, *said) if each is not None}
    listed = [each for each in contacts if ids & {find_text(each, "wa_id"), find_text(each, "user_id")}]
    contact = listed[0] if listed else contacts[0] if len(contacts) == 1 and not ids else None
    further = (find_text(contact, key) for key in ("user_id", "parent_user_id", "wa_id"))
    return find_party([*said, *further, phone], find_object(contact, "profile"))


def find_party(ids: Iterable[str | None], profile: Any) -> Sender | None:
    """Whoever these ids lead to, each told by its shape; None where none is a person's."""
    phones, users, parents = _told_apart(dict.fromkeys(ids))
    if not phones and not users and not parents:
        return None
    username = find_text(profile, "username")
    return Sender(
        wa_id=phones[0] if phones else None,
        user_id=users[0] if users else parents[0] if parents and not phones else None,
        parent_user_id=parents[0] if parents else None,
        name=find_text(profile, "name") or username,
        username=username,
    )


def digits_of(written: str | None) -> str:
    return "".join(each for each in written or "" if each.isdigit())


def is_system(message: Any) -> bool:
    """Whether it is the platform that speaks, of a person."""
    kind = find_text(message, "type")
    return kind == "system" or (kind is None and find_object(message, "system") is not None)


def is_customer_id(identifier: str) -> bool:
    """Whether it has the shape of a phone or of a business-scoped user id."""
    return PHONE.fullmatch(identifier) is not None or BSUID.fullmatch(identifier) is not None


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
        elif BSUID.fullmatch(value):
            (parents if _PARENT in value else users).append(value)
    return phones, users, parents


def _named_by(message: Any) -> list[str | None]:
    """Every id that accounts for an entry: the sender's, in both spellings, or of a change the old ones and the new ones."""
    system = find_object(message, "system") if is_system(message) else None
    ids = [find_text(message, "from_user_id"), *_phones_of(find_text(message, "from"))]
    for key in ("customer", "wa_id", "new_wa_id"):
        ids += _phones_of(find_text(system, key))
    return [*ids, find_text(system, "user_id"), find_text(system, "previous_user_id")]


def _phones_of(origin: str | None) -> tuple[str | None, ...]:
    return (origin, other_spelling(origin)) if origin is not None else ()


def _users_of(message: Any) -> set[str]:
    """The user ids that it names its sender by; a parent's is no other person's."""
    ids = _told_apart(find_text(message, key) for key in ("from_user_id", "from"))
    return set(ids[1])


def _is_anothers(entry: Any, message: Any) -> bool:
    """Whether it has another user id than the sender: a user id is never two people's."""
    _, listed, _ = _told_apart(find_text(entry, key) for key in ("user_id", "wa_id"))
    said = _users_of(message)
    return bool(said) and bool(listed) and said.isdisjoint(listed)
