"""Who wrote what came beside messages, by what is known of the time when they did. Pure: nobody is met, merged or moved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.lifecycle import Period, owner_at
from waystate.contacts.model import Identity, IdentityKind, Writer
from waystate.contacts.spellings import other_identities


class Held(NamedTuple):
    """An identity was the contact's from `since` on; at `until` None it is still."""

    since: datetime
    contact: UUID
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """Whose each identity was, the oldest first and its owner last; `leading`: who has a business-scoped user id now."""

    held: Mapping[Identity, Sequence[Held]]
    leading: Collection[UUID]

    def find_writer(self, person: Writer) -> UUID | None:
        """Returns the contact that a message of this person was from; None where nobody is known by their ids of then.

        The user id decides, also one that has ended since. Who shows one that nobody knows, on a phone of somebody who has
        another, is a stranger to us: numbers are recycled.
        """
        users = [each for each in person.identities if each.kind is IdentityKind.BSUID]
        for user in users:
            if (contact := self._find_holder(user, person.at)) is not None:
                return contact
        phones = [each for each in person.identities if each.kind is IdentityKind.WA_ID]
        spelled = other_identities(each for each in phones if not self._is_owned(each)).values()
        holders = (self._find_holder(phone, person.at) for phone in (*phones, *spelled))
        return next((each for each in holders if each is not None and not (users and each in self.leading)), None)

    def _find_holder(self, identity: Identity, at: datetime | None) -> UUID | None:
        """WhatsApp's times are whole seconds: what was written in the last one of an id was written before its end."""
        held = self.held.get(identity, ())
        if self._is_owned(identity):
            periods = [Period(each.since, each.contact) for each in held]
            at = at if identity.kind is IdentityKind.WA_ID else None
            return owner_at(identity, at, {identity: held[-1].contact}, {identity: periods})
        for each in reversed(held):
            # A user id is never another person's, whenever they were met by it first.
            has_begun = identity.kind is IdentityKind.BSUID or (at is not None and each.since <= at)
            if at is not None and has_begun and each.until is not None and at <= each.until:
                return each.contact
        return None

    def _is_owned(self, identity: Identity) -> bool:
        held = self.held.get(identity, ())
        return len(held) > 0 and held[-1].until is None
