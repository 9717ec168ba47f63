"""By what two customers may be one. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.model import IdentityKind
from waystate.contacts.spellings import other_spelling
from waystate.customers.model import Profile
from waystate.customers.words import fold

SHOWN = 10
"""Customers of one group, at most: what more have in common is no one's own."""
_NAMED_ALIKE = 4
"""So many may have a name by chance; a name of more says nothing."""
_WORD = re.compile(r"\w+")
_LONGEST = 320


class Likeness(StrEnum):
    """What customers have in common, the surest first."""

    PHONE = "phone"
    EMAIL = "email"
    USERNAME = "username"
    NAME = "name"


class Key(NamedTuple):
    """A value as customers are compared by it."""

    kind: Likeness
    value: str


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """Customers that may be one. `reasons`: what all of them have in common, the surest first. `more`: others have it too."""

    reasons: tuple[Key, ...]
    contacts: tuple[UUID, ...]
    more: bool


def keys_of(profile: Profile) -> set[Key]:
    """Returns what this customer may have in common with another; of a WhatsApp group nothing.

    A phone in either spelling, be it one that they write from or one that is shown, is one; so are the words of a name in any
    order. A name of one word is too many people's.
    """
    if any(each.kind is IdentityKind.GROUP for each in profile.identities):
        return set()
    phones = [each.external_id for each in profile.identities if each.kind is IdentityKind.WA_ID]
    phones += [re.sub(r"\D", "", profile.phone_number or "")]
    keys = {Key(Likeness.PHONE, max(each, other_spelling(each) or "", key=len)) for each in phones if each}
    if profile.email:
        keys.add(Key(Likeness.EMAIL, fold(profile.email.strip())[:_LONGEST]))
    if profile.username and (username := fold(profile.username).strip().removeprefix("@")):
        keys.add(Key(Likeness.USERNAME, username[:_LONGEST]))
    words = sorted(_WORD.findall(fold(profile.name or "")))
    if len(words) > 1:
        keys.add(Key(Likeness.NAME, " ".join(words)[:_LONGEST]))
    return keys


def group_of(found: Key, members: Sequence[UUID], keys: Mapping[UUID, Set[Key]]) -> AlikeGroup | None:
    """Returns what the customers who have this in common come to; None: nothing of its own.

    `members`: up to one more than are shown. `keys`: all of each. Who have something surer in common are shown by that.
    """
    there = [each for each in members if found in keys.get(each, ())]
    if len(there) < 2 or (found.kind is Likeness.NAME and len(there) > _NAMED_ALIKE):
        return None
    common = set[Key].intersection(*(set(keys[each]) for each in there))
    rank = list(Likeness).index
    reasons = sorted(common, key=lambda each: (rank(each.kind), each.value))
    if reasons[0] != found:
        return None
    return AlikeGroup(tuple(reasons), tuple(there[:SHOWN]), len(there) > SHOWN)


def after(kind: Likeness) -> list[Likeness]:
    """Returns this kind and those that are less sure."""
    every = list(Likeness)
    return every[every.index(kind) :]


def changed(before: Iterable[tuple[UUID, Key]], now: Iterable[tuple[UUID, Key]]) -> tuple[set[tuple[UUID, Key]], ...]:
    """Returns what is gone, and what is new."""
    was, is_ = set(before), set(now)
    return was - is_, is_ - was
