"""What customers tell WhatsApp that they want of a business's messages.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences
"""

from dataclasses import replace
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.model import Routed, Value
from waystate.channels.whatsapp.account_reports import Statement, report_of
from waystate.channels.whatsapp.change import FieldChange
from waystate.channels.whatsapp.senders import find_party
from waystate.documents import shorten
from waystate.preferences.model import Marketing, PreferenceReport

_WORDS = {"stop": Marketing.OPTED_OUT, "resume": Marketing.OPTED_IN, "signup": Marketing.OPTED_IN}
_LONGEST_DETAIL = 500


def parse_preferences(change: FieldChange) -> list[Routed]:
    """Each preference is an item; one that is not of marketing messages, or of nobody, is kept whole on the timeline."""
    said = find_list(change.value, "user_preferences") or []
    if not said:
        return [change.routed(change.item, report_of(change))]
    contacts = find_list(change.value, "contacts") or []
    places = ((place, f"{change.item}.p{place}", each) for place, each in enumerate(said))
    return [change.routed(item, _parse(change, place, item, each, contacts)) for place, item, each in places]


def _parse(change: FieldChange, place: int, item: str, said: Any, contacts: list[Any]) -> Value:
    named = {each for key in ("wa_id", "user_id") if (each := find_text(said, key)) is not None}
    contact = next((each for each in contacts if named & {find_text(each, "wa_id"), find_text(each, "user_id")}), None)
    if contact is None and not named and len(contacts) == 1:
        contact = contacts[0]
    ids = [find_text(source, key) for source in (said, contact) for key in ("user_id", "parent_user_id", "wa_id")]
    party = find_party(ids, find_object(contact, "profile"))
    marketing = _WORDS.get((find_text(said, "value") or "").lower())
    if party is None or marketing is None or change.phone_number_id is None or not _is_of_marketing(said):
        odd = said if isinstance(said, dict) else {"value": said}
        text = "WhatsApp sent a customer's preference that Waystate keeps and does not use."
        return report_of(replace(change, value=odd), Statement(text, event=find_text(said, "value")), part=f"p{place}")
    detail = find_text(said, "detail")
    return PreferenceReport(
        phone_number_id=change.phone_number_id,
        marketing=marketing,
        at=moment_of(said.get("timestamp"), change.received_at),
        wa_id=party.wa_id,
        user_id=party.user_id,
        contact_name=party.name,
        detail=None if detail is None else shorten(detail, _LONGEST_DETAIL),
        origin=f"{change.origin}:{item}",
    )


def _is_of_marketing(said: Any) -> bool:
    return find_text(said, "category") in ("marketing_messages", None)
