"""One phone written in two ways, in the three countries where a number as people know it and WhatsApp's id of it differ.

Brazil's mobile numbers have a ninth digit that ids of older accounts lack; Mexico's and Argentina's have a 1 or a 9 behind the
country code that is dialled from abroad only, or was. Nothing else is a spelling: a Brazilian line of 2 to 4 is a landline,
which has no ninth digit. Pure.
"""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from waystate.contacts.model import Identity, IdentityKind, Writer

_COUNTRIES = ("52", "54", "55")
_BRAZIL = r"55(?:[14689][1-9]|2[12478]|3[1-578]|5[13-5]|7[13-579])"
_PLANS = [
    (re.compile(f"({_BRAZIL})9([5-9][0-9]{{7}})"), re.compile(f"({_BRAZIL})([5-9][0-9]{{7}})"), "9"),
    (re.compile(r"(52)1([2-9][0-9]{9})"), re.compile(r"(52)([2-9][0-9]{9})"), "1"),
    (re.compile(r"(54)9((?:11|[23][0-9])[0-9]{8})"), re.compile(r"(54)((?:11|[23][0-9])[0-9]{8})"), "9"),
]
"""The longer spelling, the shorter one, and the digit by which they differ."""


def other_spelling(wa_id: str) -> str | None:
    """Returns the other way to write a phone, as WhatsApp's ids are written (digits alone); None where there is only one."""
    if not wa_id.startswith(_COUNTRIES):
        return None
    for longer, shorter, digit in _PLANS:
        if found := longer.fullmatch(wa_id):
            return found[1] + found[2]
        if found := shorter.fullmatch(wa_id):
            return found[1] + digit + found[2]
    return None


def other_identity(identity: Identity) -> Identity | None:
    """Returns the same phone in its other spelling."""
    other = other_spelling(identity.external_id) if identity.kind is IdentityKind.WA_ID else None
    return None if other is None else Identity(IdentityKind.WA_ID, other)


def other_identities(identities: Iterable[Identity]) -> dict[Identity, Identity]:
    """Returns the other spelling of each phone that has one, in their order."""
    return {each: other for each in identities if (other := other_identity(each)) is not None}


def as_spelled(people: Sequence[Writer], known: Container[Identity]) -> list[Writer]:
    """Returns the people, each with the other spelling of a phone that nobody knows as it is written, if that is known.

    Known is what is in `known`, and what somebody before them in `people` wrote from. An id that is known as it is written is
    left as it is: two who exist under both spellings stay two.
    """
    met: set[Identity] = set()
    spelled: list[Writer] = []
    for person in people:
        others = [
            other
            for each in person.identities
            if each not in known and each not in met
            if (other := other_identity(each)) is not None and other not in person.identities
            if other in known or other in met
        ]
        spelled.append(replace(person, identities=(*person.identities, *others)) if others else person)
        met.update(person.identities)
    return spelled
