"""What somebody wrote to customers in WhatsApp's app on a phone, of a number that the app and the Cloud API share.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_message_echoes
"""

from typing import Any

from waystate.channels.fields import find_list, find_text, moment_of
from waystate.channels.model import Routed, Unusable
from waystate.channels.whatsapp.account_reports import report_of
from waystate.channels.whatsapp.change import FieldChange
from waystate.channels.whatsapp.content import about_of, content_of, find_media, type_of
from waystate.channels.whatsapp.lines import line_of
from waystate.channels.whatsapp.senders import find_addressee
from waystate.documents import JsonObject
from waystate.messages.model import EchoedMessage

_ADDRESS = frozenset({"to", "to_user_id", "to_parent_user_id"})


def parse_echoes(change: FieldChange) -> list[Routed]:
    """Each echo is an item; a change without any is kept whole."""
    echoes = find_list(change.value, "message_echoes")
    if not echoes:
        return [change.routed(change.item, report_of(change))]
    values = ((f"{change.item}.h{place}", echo) for place, echo in enumerate(echoes))
    return [change.routed(item, _parse(change, item, echo)) for item, echo in values]


def _parse(change: FieldChange, item: str, echo: Any) -> EchoedMessage | Unusable:
    wamid = find_text(echo, "id")
    if wamid is None:
        return Unusable(item, "the echo has no id", echo)
    if change.phone_number_id is None:
        return Unusable(item, "the change has no `metadata.phone_number_id`, so nobody can tell whose message it is", echo)
    customer = find_addressee(echo, find_list(change.value, "contacts") or [], change.display_phone_number)
    if customer is None:
        return Unusable(item, "it names no customer: neither `to` nor `to_user_id` is one's", echo)
    kind = type_of(echo)
    content, about = content_of(echo, kind), _without_address(about_of(echo, kind))
    content = content if kind in echo else _without_address(content)
    return EchoedMessage(
        wamid=wamid,
        phone_number_id=change.phone_number_id,
        display_phone_number=change.display_phone_number,
        sent_at=moment_of(echo.get("timestamp"), change.received_at),
        wa_id=customer.wa_id,
        user_id=customer.user_id,
        contact_name=customer.name,
        type=kind,
        text=line_of(kind, content, about),
        content=content,
        media=find_media(kind, content),
        metadata=about,
        origin=f"{change.origin}:{item}",
    )


def _without_address(said: JsonObject) -> JsonObject:
    return {key: value for key, value in said.items() if key not in _ADDRESS}
