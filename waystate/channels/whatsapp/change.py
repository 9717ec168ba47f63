"""One change of a webhook's body, with what all items made of it share.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from waystate.channels.fields import find_object, find_text, moment_of
from waystate.channels.model import Routed, Value
from waystate.documents import JsonObject


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`value` is empty where it is no object. `time` is the entry's own, as it came; `at` is that, or when the body came."""

    item: str
    field: str
    value: JsonObject
    waba_id: str | None
    phone_number_id: str | None
    display_phone_number: str | None
    time: Any
    received_at: datetime
    origin: str

    @property
    def at(self) -> datetime:
        return moment_of(self.time, self.received_at)

    def of_part(self, **value: Any) -> "FieldChange":
        """The same of a part of it: a change may have a thousand, and the whole is not kept with each."""
        metadata = find_object(self.value, "metadata")
        return replace(self, value=({} if metadata is None else {"metadata": metadata}) | value)

    def routed(self, item: str, value: Value) -> Routed:
        return Routed(item=item, value=value, phone_number_id=self.phone_number_id, waba_id=self.waba_id)


def read_change(item: str, entry: JsonObject, change: Any, received_at: datetime, origin: str) -> FieldChange:
    """`messaging_handovers` names its number under `recipient`, every other field that names one under `metadata`."""
    value = find_object(change, "value") or {}
    number = find_object(value, "metadata") or find_object(value, "recipient")
    return FieldChange(
        item=item,
        field=find_text(change, "field") or "messages",
        value=value,
        waba_id=find_text(entry, "id"),
        phone_number_id=find_text(number, "phone_number_id"),
        display_phone_number=find_text(number, "display_phone_number"),
        time=entry.get("time") if isinstance(entry, dict) else None,
        received_at=received_at,
        origin=origin,
    )
