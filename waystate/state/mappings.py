"""What a look-up asks and answers: an identity and a number in, the mapping of seed 000 out. Pure."""

import re
from datetime import datetime
from typing import Any

from waystate import documents
from waystate.clock import iso
from waystate.contacts.model import BSUID, Identity, IdentityKind
from waystate.conversations.model import public_conversation_id
from waystate.errors import BadRequest, Conflict, NotFound, Refused
from waystate.state.conversations import Found
from waystate.tenants.routing import TenantView

_PHONE = re.compile(r"(?:\+|00)?([1-9][0-9]{4,19})")
"""With its country's code, none of which begins with 0: 00 is the prefix of an international call."""


def parse_identity(text: str) -> Identity:
    """`+919…`, `00919…`, `919…` or a business-scoped user id."""
    if phone := _PHONE.fullmatch(text):
        return Identity(IdentityKind.WA_ID, phone[1])
    if BSUID.fullmatch(text):
        return Identity(IdentityKind.BSUID, text)
    raise BadRequest(
        "invalid_wa_id",
        "A waId is a phone number of 5 to 20 digits with its country code, with or without '+' or 00, or a business-scoped "
        "user id such as US.13491208655302741918. Correct it and ask again.",
    )


def render_mapping(found: Found, wa_id: str | None, view: TenantView, now: datetime | None = None) -> bytes:
    conversation = found.conversation
    account = view.accounts.get(conversation.phone_number_id)
    answer: dict[str, Any] = {
        "waId": wa_id,
        "conversationId": public_conversation_id(
            view.settings.correlation, conversation.id, conversation.genesys_conversation_id
        ),
        "contactName": conversation.contact_name,
        "phoneNumberId": conversation.phone_number_id,
        "displayPhoneNumber": account.display_phone_number if account is not None else None,
        "communicationId": conversation.communication_id,
        "lastActivityAt": iso(conversation.last_activity_at),
        "status": conversation.status if now is None else conversation.effective_status(now),
        "isNew": found.is_new,
        "internalId": str(conversation.id),
        "tenantId": view.tenant.id,
    }
    if view.settings.correlation == "local":
        answer["genesysConversationId"] = conversation.genesys_conversation_id
    return documents.dump(answer).encode()


def number_of(view: TenantView, number: str | None) -> str:
    if number is None:
        return ""
    if number not in view.accounts:
        raise NotFound("unknown_number", "No number of this tenant has that phoneNumberId. Leave it out for the default one.")
    return number


def no_number() -> Refused:
    return Conflict(
        "no_default_number",
        "This customer has no open conversation and the tenant has no default number to open one on. Say which with "
        "?phoneNumberId=…, or mark a number as the default.",
    )
