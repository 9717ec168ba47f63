"""What a message costs, as its statuses tell it since October 2026.

Source: developers.facebook.com, WhatsApp Cloud API, status messages webhook and pricing of non-template messages.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from waystate.documents import JsonObject
from waystate.simulator.customers import Customer
from waystate.simulator.rules import RulesInForce

ENTRY_POINT_LASTS = timedelta(hours=72)
ANSWER_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Price:
    """`until` is when the free entry point ends of which this message is one."""

    type: str
    category: str
    until: datetime | None = None

    def render(self) -> JsonObject:
        billable = self.type == "regular"
        return {"billable": billable, "pricing_model": "PMP", "type": self.type, "category": self.category}

    def render_conversation(self, wamid: str) -> JsonObject | None:
        """There is one only within a free entry point (v24.0 and newer)."""
        if self.until is None:
            return None
        ends = str(int(self.until.timestamp()))
        return {"id": wamid.removeprefix("wamid."), "expiration_timestamp": ends, "origin": {"type": "referral_conversion"}}


class Prices:
    """Counts the service messages of a month: so many are free, the rest is charged."""

    def __init__(self, rules: RulesInForce) -> None:
        self._rules = rules
        self._month = (0, 0)
        self._served = 0

    def find(self, customer: Customer, type: str, category: str | None, at: datetime) -> Price:
        """Of a message that is delivered. `category` is that of a template; without one it is a service message."""
        until = _find_entry_point(customer, at)
        if until is not None:
            return Price("free_entry_point", "referral_conversion", until)
        if category is not None:
            return Price("regular", category.lower())
        if type == "reaction" or self._count(at) <= self._rules.now.free_tier:
            return Price("free_customer_service", "service")
        return Price("regular", "service")

    def find_of_group(self, category: str | None) -> Price:
        """Of a message to a group, for each person whom it reaches."""
        if category is not None:
            return Price("regular", f"group_{category.lower()}")
        return Price("free_group_customer_service", "group_service")

    def _count(self, at: datetime) -> int:
        month = (at.year, at.month)
        self._served = 1 if month != self._month else self._served + 1
        self._month = month
        return self._served


def _find_entry_point(customer: Customer, at: datetime) -> datetime | None:
    """It begins with our first answer to a message that an advertisement led to, within a day, and lasts three."""
    if customer.entry_point_ends is not None and at < customer.entry_point_ends:
        return customer.entry_point_ends
    if customer.referred_at is not None and at - customer.referred_at < ANSWER_WITHIN:
        customer.referred_at, customer.entry_point_ends = None, at + ENTRY_POINT_LASTS
        return customer.entry_point_ends
    return None
