"""Whom a draft is to: the contact, made where a phone is new, and the business number it goes out from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import phonenumbers

from waystate.channels.whatsapp.outgoing import is_free_form
from waystate.contacts import store as contact_store
from waystate.contacts.model import BSUID, Address, Identity, IdentityKind, Recipient, Writer
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Conversation, Sight
from waystate.conversations.sight import find_hidden
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.errors import Conflict, NotFound, Refused, Unprocessable
from waystate.ids import TenantId
from waystate.messages.addressed import identities_of, phone_of
from waystate.sends.model import Draft
from waystate.tenants.routing import TenantView

_OTHERWISE = "Take the id from a message or an event of theirs, or address the customer by `to`, with their phone."


@dataclass(frozen=True, slots=True)
class Addressee:
    """`key`: number and contact. `conversation`: the one that was named, or the contact's latest on the number."""

    key: Key
    conversation: Conversation | None


async def find_addressees(
    conn: Connection, tenant: TenantId, view: TenantView, drafts: Sequence[Draft], now: datetime
) -> list[Addressee | Refused]:
    """One a draft, in their order. Contacts of phones that nobody has written from yet are made."""
    named = await _find_named(conn, tenant, [draft.conversation_id or "" for draft in drafts])
    contacts = await _find_contacts(conn, tenant, drafts, named, now)
    numbers = await _find_numbers(conn, tenant, view, drafts, named, contacts)
    keys: dict[int, Key] = {}
    found: list[Addressee | Refused] = []
    for place, (contact, number) in enumerate(zip(contacts, numbers, strict=True)):
        if isinstance(contact, Refused) or isinstance(number, Refused):
            found.append(contact if isinstance(contact, Refused) else number)  # type: ignore[arg-type]
        else:
            keys[place] = (number, contact)
            found.append(Addressee(keys[place], None))
    latest = await conversation_store.find_latest_many(conn, tenant, list(keys.values())) if keys else []
    for place, conversation in zip(keys, latest, strict=True):
        found[place] = Addressee(keys[place], conversation)
    return found


async def refuse_hidden(
    conn: Connection,
    tenant: TenantId,
    drafts: Sequence[Draft],
    addressees: Sequence[Addressee | Refused],
    sight: Sight,
    now: datetime,
) -> list[Addressee | Refused]:
    """Nobody writes into a conversation that they do not see. Where the hidden one is over, another may be begun by `to`."""
    latest = {place: each.conversation for place, each in enumerate(addressees) if isinstance(each, Addressee)}
    homes = {place: each for place, each in latest.items() if each is not None}
    hidden = await find_hidden(conn, tenant, sight, {each.id for each in homes.values()})
    refused = {
        place: _no_conversation(drafts[place].conversation_id or f"with {drafts[place].to or drafts[place].contact_id}")
        for place, each in homes.items()
        if each.id in hidden and (each.is_open(now) or drafts[place].conversation_id is not None)
    }
    return [refused.get(place, each) for place, each in enumerate(addressees)]


def _no_conversation(name: str) -> NotFound:
    """Alike of one that is not there and one that is out of sight."""
    return NotFound("conversation_not_found", f"There is no conversation {name}. {_OTHERWISE}")


async def _find_named(conn: Connection, tenant: TenantId, ids: Sequence[str]) -> list[Conversation | None]:
    return await conversation_store.find_many(conn, tenant, ids) if any(ids) else [None] * len(ids)


async def _find_contacts(
    conn: Connection, tenant: TenantId, drafts: Sequence[Draft], named: Sequence[Conversation | None], now: datetime
) -> list[UUID | Refused]:
    by_id = {each.contact_id for each in drafts if each.contact_id is not None} | {each.contact_id for each in named if each}
    survivors = await contact_store.find_survivors(conn, tenant, by_id) if by_id else {}
    known = await contact_store.find_recipients(conn, tenant, {survivors.get(each, each) for each in by_id}) if by_id else {}
    # What waited names its contact, whatever phone it was asked for by; that may be nobody's by now.
    by_phone = [each for each in drafts if each.to and each.contact_id is None and each.conversation_id is None]
    may_be_new = {str(each.to): _may_be_first(each) for each in sorted(by_phone, key=_may_be_first)}
    by_address = await _contacts_of(conn, tenant, may_be_new, now)

    def contact_of(draft: Draft, conversation: Conversation | None) -> UUID | Refused:
        if draft.conversation_id is not None:
            if conversation is None:
                return _no_conversation(draft.conversation_id)
            return survivors.get(conversation.contact_id, conversation.contact_id)
        if draft.contact_id is not None:
            contact = survivors.get(draft.contact_id, draft.contact_id)
            if contact in known:
                return contact
            text = f"There is no customer {draft.contact_id} that a message could reach. {_OTHERWISE}"
            return NotFound("customer_not_found", text)
        return by_address[draft.to or ""]

    return [contact_of(draft, conversation) for draft, conversation in zip(drafts, named, strict=True)]


async def _contacts_of(
    conn: Connection, tenant: TenantId, addresses: Mapping[str, bool], now: datetime
) -> dict[str, UUID | Refused]:
    """`addresses`, each with whether a contact is made of it should nobody be known by it."""
    identities = {address: _identity_of(address) for address in addresses}
    found: dict[str, UUID | Refused] = {address: each for address, each in identities.items() if isinstance(each, Refused)}
    wanted = {address: each for address, each in identities.items() if isinstance(each, Identity)}
    if not wanted:
        return found
    ways = {address: [each, *identities_of(each.external_id)] for address, each in wanted.items()}
    owners, _ = await contact_store.find_many(conn, tenant, sorted({each for several in ways.values() for each in several}))
    strangers: list[str] = []
    for address, several in ways.items():
        owner = next((owners[each] for each in several if each in owners), None)
        if owner is not None:
            found[address] = owner
        elif addresses[address]:
            strangers.append(address)
        else:
            found[address] = window_closed()
    if strangers:
        people = [Writer((wanted[address],), at=now) for address in strangers]
        made = await contact_store.upsert_many(conn, tenant, people, now)
        found |= dict(zip(strangers, made.contacts, strict=True))
    return found


def find_named_address(to: str | None, recipient: Recipient) -> Address | None:
    """Returns the phone or user id of the contact that `to` means, however it is written; None if it is none of theirs."""
    identity = _identity_of(to) if to is not None else None
    if not isinstance(identity, Identity):
        return None
    for each in (identity, *identities_of(identity.external_id)):
        if each.kind is IdentityKind.WA_ID and each.external_id in recipient.wa_ids:
            return Address(wa_id=each.external_id)
        if each.kind is IdentityKind.BSUID and each.external_id in recipient.user_ids:
            return Address(user_id=each.external_id)
    return None


def _may_be_first(draft: Draft) -> bool:
    """Whether it can be sent, or wait, before its customer has ever written."""
    return draft.holds or draft.send_at is not None or not is_free_form(draft.type)


def window_closed() -> Refused:
    return Conflict(
        "window_closed",
        "The customer has not written in the last 24 hours: WhatsApp takes only a template now. Send one, or send this again "
        "with `holdUntilWindow: true`, and it goes out when the customer writes.",
    )


def _identity_of(address: str) -> Identity | Refused:
    """A business-scoped user id as it is; else a phone, whose digits alone count, with its country's code."""
    if BSUID.fullmatch(address.strip()):
        return Identity(IdentityKind.BSUID, address.strip())
    digits = phone_of(address)
    if digits is None:
        return Unprocessable(
            "phone_unusable",
            "`to` is no international phone number: write it with its country's code, such as +55 11 98765-4321. A customer of "
            "whom only a user id is known is addressed by that, such as US.13491208655302741918.",
        )
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException as error:
        return Unprocessable("phone_unusable", f"`to` is no phone number: {error}. Write it with its country's code.")
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason in _IMPOSSIBLE:
        return Unprocessable("phone_unusable", f"`to` is no phone number: it {_IMPOSSIBLE[reason]}. Compare it digit by digit.")
    return Identity(IdentityKind.WA_ID, digits)


_IMPOSSIBLE = {
    phonenumbers.ValidationResult.TOO_SHORT: "has too few digits for its country",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its country's or its area's code",
    phonenumbers.ValidationResult.TOO_LONG: "has too many digits for its country",
    phonenumbers.ValidationResult.INVALID_LENGTH: "has a number of digits that its country does not use",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "begins with no country's code",
}
"""Why a phone cannot be one. https://github.com/google/libphonenumber (ValidationResult)"""


async def _find_numbers(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    drafts: Sequence[Draft],
    named: Sequence[Conversation | None],
    contacts: Sequence[UUID | Refused],
) -> list[str | Refused]:
    """The number that is named, else the conversation's, else that of the contact's latest open one, else the default."""
    asked = [
        contact
        for draft, conversation, contact in zip(drafts, named, contacts, strict=True)
        if isinstance(contact, UUID) and draft.phone_number_id is None and conversation is None
    ]
    open_at = await conversation_store.find_open_numbers(conn, tenant, asked) if asked else {}
    default = view.default_account.phone_number_id if view.default_account is not None else None

    def number_of(draft: Draft, conversation: Conversation | None, contact: UUID | Refused) -> str | Refused:
        if isinstance(contact, Refused):
            return contact
        number = draft.phone_number_id or (conversation.phone_number_id if conversation else open_at.get(contact, default))
        return _usable(view, number)

    return [number_of(*each) for each in zip(drafts, named, contacts, strict=True)]


def _usable(view: TenantView, number: str | None) -> str | Refused:
    if number is None:
        return Unprocessable("number_missing", "The tenant has several numbers and no default: say which, as `number`.")
    account = view.accounts.get(number)
    if account is None:
        return NotFound("number_not_found", f"Number {number} is none of the tenant's. `number` is WhatsApp's phone_number_id.")
    if account.sender != "waystate":
        return Conflict("sender_external", f"Somebody else sends for {number}: send there, or set its `sender` to waystate.")
    if not account.is_active:
        return Conflict("number_inactive", f"Number {number} is switched off. Activate it, or send from another.")
    return number
