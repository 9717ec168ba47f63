"""What people and services change of customers: who there is, what is known of them, their tags."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import phonenumbers

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, NewContact
from waystate.customers import store
from waystate.customers.model import Profile
from waystate.db.pool import Connection
from waystate.documents import dump, merge_patch
from waystate.errors import NotFound, PreconditionFailed, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import CustomerChanged
from waystate.ids import TenantId, new_id
from waystate.web.fields import MOST_BYTES, MOST_TAGS

_EDITABLE = (
    *("name", "email", "phone_number", "username", "language", "profile_picture_url"),
    *("tags", "preferences", "metadata"),
)
_DOCUMENTS = frozenset({"preferences", "metadata"})
_IMPOSSIBLE = {
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "its country's code does not exist",
    phonenumbers.ValidationResult.TOO_SHORT: "it is too short",
    phonenumbers.ValidationResult.TOO_LONG: "it is too long",
    phonenumbers.ValidationResult.INVALID_LENGTH: "no number of its country has so many digits",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "its area's code is missing",
}


@dataclass(frozen=True, slots=True)
class Saved:
    """A customer as they are now; `is_new`: nobody knew them before."""

    profile: Profile
    is_new: bool = False


class CustomerEdits:
    """Each deed is one transaction, with its event, and with the index by which the customer is found at once."""

    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def add(self, tenant: TenantId, identity: Identity, fields: Mapping[str, Any], *, updates: bool) -> Saved:
        """The customer of this identity, made with `fields` if nobody is known by it; `updates`: else changed by them."""

        async def add(conn: Connection) -> tuple[Saved, list[CustomerChanged]]:
            now = self._clock()
            contact_id, is_new = await _find_or_add(conn, tenant, identity, now)
            before = await _lock(conn, tenant, contact_id)
            after = edited(before, fields) if is_new or updates else before
            events = await _save(conn, tenant, before, after, now, is_new=is_new)
            (profile,) = await store.find_many(conn, tenant, [contact_id])
            return Saved(profile, is_new), events

        return await self._commits.do(tenant, add)

    async def meet(self, tenant: TenantId, identity: Identity, name: str | None) -> Saved:
        """The customer of this identity, made if nobody is known by it. `name` is what they call themselves: it is taken where
        none is known, and a message of theirs may change it. Who is known already is only read."""

        async def meet(conn: Connection) -> tuple[Saved, list[CustomerChanged]]:
            now = self._clock()
            contact_id, is_new = await _find_or_add(conn, tenant, identity, now)
            found = await store.find_many(conn, tenant, [contact_id])
            if found and not is_new and (name is None or found[0].name is not None):
                return Saved(found[0]), []
            before = await _lock(conn, tenant, contact_id)
            after = replace(before, name=name) if before.name is None else before
            return Saved(after, is_new), await _save(conn, tenant, before, after, now, is_new=is_new)

        return await self._commits.do(tenant, meet)

    async def edit(
        self, tenant: TenantId, contact_id: UUID, fields: Mapping[str, Any], *, expected: Collection[str] | None = None
    ) -> Profile:
        """`fields` by their names here; what is not named stays. `expected`: the tags of what the caller has seen."""

        async def edit(conn: Connection) -> tuple[Profile, list[CustomerChanged]]:
            now = self._clock()
            before = await _lock(conn, tenant, contact_id)
            if expected is not None and etag_of(before) not in expected:
                raise _changed_meanwhile(before)
            after = edited(before, fields)
            events = await _save(conn, tenant, before, after, now)
            (profile,) = await store.find_many(conn, tenant, [before.id])
            return profile, events

        return await self._commits.do(tenant, edit)

    async def tag(
        self, tenant: TenantId, ids: Sequence[UUID], *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> tuple[int, list[UUID]]:
        """How many are tagged otherwise now, and which of the ids are no customer's. A merged one's leads to who stayed."""

        async def tag(conn: Connection) -> tuple[tuple[int, list[UUID]], list[CustomerChanged]]:
            now = self._clock()
            survivors = await contact_store.find_survivors(conn, tenant, ids)
            meant = {each: survivors.get(each, each) for each in ids}
            known = {each.id for each in await store.find_many(conn, tenant, sorted(set(meant.values())))}
            changed = await store.tag_many(conn, tenant, sorted(known), add, now) if add else {}
            _check_tags(changed)
            changed |= await store.untag_many(conn, tenant, sorted(known), remove, now) if remove else {}
            events = [_event(contact, ("tags",), now) for contact in sorted(changed)]
            return (len(events), [each for each in ids if meant[each] not in known]), events

        return await self._commits.do(tenant, tag)


async def _find_or_add(conn: Connection, tenant: TenantId, identity: Identity, now: datetime) -> tuple[UUID, bool]:
    """Under either spelling of a phone; whether it is new. Of two at once one adds, and the other finds it."""
    found = await _find_as_spelled(conn, tenant, identity)
    if found is None:
        # Who is added under the other spelling at the same moment is them too.
        await contact_store.lock_spellings(conn, tenant, [identity])
        found = await _find_as_spelled(conn, tenant, identity)
    if found is not None:
        return found, False
    new = NewContact(id=new_id(), identities=(identity,), created_at=now)
    if new.id in await contact_store.add_many(conn, tenant, [new]):
        return new.id, True
    owners, _ = await contact_store.find_many(conn, tenant, [identity])
    return owners[identity], False


async def _find_as_spelled(conn: Connection, tenant: TenantId, identity: Identity) -> UUID | None:
    spelled = (await contact_store.spell_as_known(conn, tenant, [identity])).get(identity, identity)
    owners, _ = await contact_store.find_many(conn, tenant, [spelled])
    return owners.get(spelled)


async def _lock(conn: Connection, tenant: TenantId, contact_id: UUID) -> Profile:
    profile = await store.lock_one(conn, tenant, contact_id)
    if profile is None:
        # Merged since the caller read it.
        survivors = await contact_store.find_survivors(conn, tenant, [contact_id])
        profile = await store.lock_one(conn, tenant, survivors[contact_id]) if survivors else None
    if profile is None:
        raise customer_not_found(contact_id)
    return profile


async def _save(
    conn: Connection, tenant: TenantId, before: Profile, after: Profile, now: datetime, *, is_new: bool = False
) -> list[CustomerChanged]:
    changed = tuple(each for each in _EDITABLE if getattr(before, each) != getattr(after, each))
    if changed or before.is_named_by_hand != after.is_named_by_hand:
        await store.edit_one(conn, tenant, after, now)
    if not changed and not is_new:
        return []
    await store.index_many(conn, tenant, [after.id])
    return [_event(after.id, changed, now, is_new=is_new)]


def edited(profile: Profile, fields: Mapping[str, Any]) -> Profile:
    """The profile with these fields; documents are merged, and null takes a field away. Raises Unprocessable.

    A name that is given stays, also where it is the one that WhatsApp told; without one, WhatsApp's is learned again.
    """
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _DOCUMENTS:
            values[name] = {} if value is None else merge_patch(getattr(profile, name), value)
            if len(dump(values[name]).encode()) > MOST_BYTES:
                raise Unprocessable(
                    "too_long", f"`{name}` would be longer than {MOST_BYTES} bytes of JSON. Take something away."
                )
        elif name == "tags":
            values[name] = tuple(sorted(set(value or ())))
        elif name == "name":
            values |= {"name": value, "is_named_by_hand": value is not None}
        else:
            values[name] = value
    return replace(profile, **values)


def identity_of(wa_id: str | None, user_id: str | None, phone_number: str | None, country: str | None) -> Identity:
    """Of exactly one of the three. Raises Unprocessable for a phone that no country could have."""
    if user_id is not None:
        return Identity(IdentityKind.BSUID, user_id)
    if wa_id is not None:
        return Identity(IdentityKind.WA_ID, wa_id.removeprefix("+"))
    return Identity(IdentityKind.WA_ID, parse_phone(phone_number or "", country).removeprefix("+"))


def parse_phone(written: str, country: str | None = None) -> str:
    """Returns the E.164 form of a phone, international or of `country` (ISO 3166). Raises Unprocessable, which says why."""
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException as error:
        lacks_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        why = "its country is not said" if lacks_country and not written.startswith("+") else "it is no phone number"
        raise _phone_unusable(why, country) from error
    result = phonenumbers.is_possible_number_with_reason(number)
    if result != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise _phone_unusable(_IMPOSSIBLE.get(result, "no country has such numbers"), country)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def etag_of(profile: Profile) -> str:
    """Of what may be edited alone: a message of the customer's changes it not, whatever name or phone is learned from it."""
    learned = {"phone_number"} if profile.is_named_by_hand else {"phone_number", "name"}
    fields = [profile.edited_at, *(getattr(profile, each) for each in _EDITABLE if each not in learned)]
    return f'"{sha256(dump(fields).encode()).hexdigest()[:20]}"'


def customer_not_found(contact_id: UUID) -> NotFound:
    return NotFound(
        "customer_not_found",
        f"There is no customer {contact_id}. Take the id from GET /v1/customers, or from a message or an event of theirs.",
    )


def _changed_meanwhile(profile: Profile) -> PreconditionFailed:
    return PreconditionFailed(
        "changed_meanwhile",
        "The customer was edited since you read them. Read them again, look at what changed, and send your change with the new "
        "ETag.",
        etag=etag_of(profile),
    )


def _phone_unusable(why: str, country: str | None) -> Unprocessable:
    advice = f", or as it is dialled within {country}" if country is not None else ", or say the `country`"
    return Unprocessable(
        "phone_unusable",
        f"`phoneNumber` cannot be called: {why}. Write it with its country's code, such as +55 11 98765-4321{advice}.",
    )


def _check_tags(changed: Mapping[UUID, tuple[str, ...]], most: int = MOST_TAGS) -> None:
    over = sorted(str(contact) for contact, tags in changed.items() if len(tags) > most)
    if over:
        raise Unprocessable(
            "too_many_tags", f"Customer {over[0]} would have more than {most} tags. Take some away first.", customers=over[:20]
        )


def _event(contact: UUID, fields: Sequence[str], now: datetime, *, is_new: bool = False) -> CustomerChanged:
    return CustomerChanged(contact_id=contact, at=now, fields=list(fields), is_new=is_new)
