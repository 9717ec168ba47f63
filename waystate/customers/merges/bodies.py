"""What merges of customers take and answer over HTTP."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from waystate.clock import iso
from waystate.customers.bodies import CUSTOMER_EXAMPLE, CUSTOMER_ID, CustomerProfile, render_customer
from waystate.customers.merges.model import MergeRecord
from waystate.customers.model import Profile
from waystate.documents import JsonObject
from waystate.web.answers import AnswerBody, Text

MERGED_ID = "019c1420-9a01-7f3c-8b7d-5a6b7c8d9e0f"
MERGE_EXAMPLE: JsonObject = {
    "id": "019c1421-11aa-7b0c-9d2e-3f4a5b6c7d8e",
    "customerId": CUSTOMER_ID,
    "mergedCustomerId": MERGED_ID,
    "mergedName": "Ana S.",
    "mergedIds": ["5511912345678"],
    "mergedAt": "2026-01-31T12:00:00.000Z",
    "madeBy": "user",
    "madeById": "019c1420-0001-7abc-8def-0123456789ab",
    "conversations": 1,
    "closedConversations": [],
}
MERGED_EXAMPLE: JsonObject = {"merge": MERGE_EXAMPLE, "customer": CUSTOMER_EXAMPLE}
UNMERGED_EXAMPLE: JsonObject = {
    "restored": {**CUSTOMER_EXAMPLE, "id": MERGED_ID, "name": "Ana S.", "waIds": ["5511912345678"]},
    "customer": CUSTOMER_EXAMPLE,
    "conversations": ["019c1420-a1b2-7c3d-8e4f-5a6b7c8d9e0f"],
    "reopened": [],
    "movedMessages": 2,
}


class MergeCustomer(BaseModel):
    """`from`: the record that goes into the one of the path. Its id leads there from then on."""

    model_config = ConfigDict(extra="forbid")

    source: UUID = Field(alias="from")


class MergeAnswer(AnswerBody):
    """A record that went into another. `mergedName` and `mergedIds` are what it was known by.

    `madeBy`: who said so; `proof`: a message of the customer's showed it. `conversations` moved with it;
    `closedConversations` ended, because each customer had one on the number.
    """

    id: UUID
    customerId: UUID
    mergedCustomerId: UUID
    mergedName: str | None
    mergedIds: list[str]
    mergedAt: Text
    madeBy: Literal["proof", "user", "key", "trusted", "operator", "system"]
    madeById: UUID | None
    conversations: int
    closedConversations: list[UUID]


class MergedAnswer(AnswerBody):
    """The merge, by whose `id` it can be undone, and the customer as they are now."""

    merge: MergeAnswer
    customer: CustomerProfile


class MergePage(AnswerBody):
    """The latest first. `next` is null on the last page."""

    items: list[MergeAnswer]
    next: str | None


class UnmergedAnswer(AnswerBody):
    """Both customers as they are now. `conversations` went back to the `restored` one; `reopened` ones had ended by the merge
    alone; `movedMessages` came from, or went to, an id of the one while they stood with the other."""

    restored: CustomerProfile
    customer: CustomerProfile
    conversations: list[UUID]
    reopened: list[UUID]
    movedMessages: int


def render_merge(record: MergeRecord) -> MergeAnswer:
    kind, _, actor_id = (record.made_by or "proof").partition(":")
    known = [each for each in record.contact.get("identities", ()) if each.get("valid_to") is None]
    return MergeAnswer.model_validate(
        {
            "id": record.id,
            "customerId": record.contact_id,
            "mergedCustomerId": record.merged_id,
            "mergedName": record.contact.get("name"),
            "mergedIds": [each["external_id"] for each in known],
            "mergedAt": iso(record.merged_at),
            "madeBy": kind,
            "madeById": actor_id or None,
            "conversations": len(record.conversations),
            "closedConversations": sorted(record.closed),
        }
    )


def render_merged(record: MergeRecord, profile: Profile) -> MergedAnswer:
    return MergedAnswer(merge=render_merge(record), customer=render_customer(profile))
