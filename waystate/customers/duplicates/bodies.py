"""What the search for duplicates answers."""

from collections.abc import Mapping
from uuid import UUID

from waystate.customers.bodies import CUSTOMER_EXAMPLE, CustomerProfile, render_customer
from waystate.customers.duplicates.model import AlikeGroup, Likeness
from waystate.customers.model import Profile
from waystate.documents import JsonObject
from waystate.web.answers import AnswerBody

DUPLICATES_EXAMPLE: JsonObject = {
    "items": [
        {
            "reasons": [{"by": "phone", "value": "5511987654321"}, {"by": "name", "value": "ana souza"}],
            "customers": [
                CUSTOMER_EXAMPLE,
                {**CUSTOMER_EXAMPLE, "id": "019c1420-9a01-7f3c-8b7d-5a6b7c8d9e0f", "waIds": [], "messageCount": 0},
            ],
            "more": False,
        }
    ],
    "next": None,
}


class SameReason(AnswerBody):
    """What customers have in common, as it was compared: folded, a phone in its longer spelling, a name's words in order."""

    by: Likeness
    value: str


class DuplicateGroup(AnswerBody):
    """Customers that may be one, who was active last first. `reasons` is what all have in common, the surest first; `more`: so
    have others, who are not shown."""

    reasons: list[SameReason]
    customers: list[CustomerProfile]
    more: bool


class DuplicatePage(AnswerBody):
    """`next` is null on the last page."""

    items: list[DuplicateGroup]
    next: str | None


def render_group(group: AlikeGroup, profiles: Mapping[UUID, Profile]) -> DuplicateGroup:
    known = [profiles[each] for each in group.contacts if each in profiles]
    known.sort(key=lambda each: (each.last_activity_at, each.message_count, each.id), reverse=True)
    return DuplicateGroup(
        reasons=[SameReason(by=each.kind, value=each.value) for each in group.reasons],
        customers=[render_customer(each) for each in known],
        more=group.more,
    )
