"""Copies of what customers and another responder on the same number say to each other, while that one leads the thread.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/standby
"""

from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.model import Routed
from waystate.channels.whatsapp.account_reports import report_of
from waystate.channels.whatsapp.change import FieldChange
from waystate.channels.whatsapp.content import type_of
from waystate.channels.whatsapp.senders import ContactBook, find_sender
from waystate.messages.model import StandbyMessage


def parse_standby(change: FieldChange) -> list[Routed]:
    """The change whole is an entry of the timeline; each message that names a customer is an item beside that.

    Echoes and statuses are the other responder's. A message of a group is no sign in its writer's own conversation.
    """
    copies = find_object(change.value, "standby")
    messages = find_list(copies, "messages") or []
    book = ContactBook(find_list(copies, "contacts") or [], messages, [])
    found = [change.routed(change.item, report_of(change))]
    for place, message in enumerate(messages):
        item = f"{change.item}.m{place}"
        if (copy := _parse(change, item, message, book)) is not None:
            found.append(change.routed(item, copy))
    return found


def _parse(change: FieldChange, item: str, message: Any, book: ContactBook) -> StandbyMessage | None:
    wamid = find_text(message, "id")
    if wamid is None or change.phone_number_id is None or find_text(message, "group_id") is not None:
        return None
    sender = find_sender(message, book.find_contact(message))
    if sender is None:
        return None
    return StandbyMessage(
        wamid=wamid,
        phone_number_id=change.phone_number_id,
        sent_at=moment_of(message.get("timestamp"), change.received_at),
        type=type_of(message),
        wa_id=sender.wa_id,
        user_id=sender.user_id,
        contact_name=sender.name,
        origin=f"{change.origin}:{item}",
    )
