"""Which of the tenant's numbers a message was written to that names none, as a queue's may."""

from collections.abc import Sequence
from datetime import datetime

from waystate.contacts.model import Identity, person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.store import Wanted
from waystate.db.pool import Connection
from waystate.ids import TenantId
from waystate.messages.model import InboundMessage
from waystate.tenants.routing import TenantView


async def numbers_of(
    conn: Connection, tenant: TenantId, view: TenantView, messages: Sequence[InboundMessage], now: datetime
) -> list[str]:
    """The number named, else that of the customer's latest open conversation, else the default; "" when there is none.

    The business-scoped user id says better than the phone who the customer is.
    """
    asked = sorted({identity for message in messages if not message.phone_number_id for identity in _identities(message)})
    found = await conversation_store.find_open_many(conn, tenant, [Wanted(each) for each in asked], now) if asked else []
    latest = {identity: each.phone_number_id for identity, each in zip(asked, found, strict=True) if each is not None}
    default = view.default_account.phone_number_id if view.default_account is not None else ""
    return [
        message.phone_number_id or next((latest[each] for each in _identities(message) if each in latest), default)
        for message in messages
    ]


def _identities(message: InboundMessage) -> tuple[Identity, ...]:
    return person_of(message.wa_id, message.user_id).identities
