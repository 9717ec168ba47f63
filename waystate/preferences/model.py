"""What customers want of a business's marketing messages, as they tell WhatsApp."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Marketing(StrEnum):
    """Whether a customer takes marketing messages of a number. Who never said anything does."""

    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceReport:
    """A customer told WhatsApp what they want of a number's marketing messages; `detail` is WhatsApp's sentence."""

    phone_number_id: str
    marketing: Marketing
    at: datetime
    wa_id: str | None = None
    user_id: str | None = None
    contact_name: str | None = None
    detail: str | None = None
    origin: str = ""


class Preference(NamedTuple):
    """What a customer said last of a number; `told_by` is `webhook`, or `error`: WhatsApp refused a message with it."""

    phone_number_id: str
    contact_id: UUID
    marketing: Marketing
    at: datetime
    told_by: str
    detail: str | None = None

    @property
    def key(self) -> tuple[str, UUID]:
        return self.phone_number_id, self.contact_id
