"""What `/v1/customers` takes and answers."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from waystate.channels.whatsapp.parts import refusal
from waystate.clock import iso
from waystate.contacts.model import BSUID, IdentityKind
from waystate.conversations.bodies import ConversationAnswer
from waystate.customers.model import Profile
from waystate.customers.words import find_matches
from waystate.documents import JsonObject
from waystate.groups.bodies import ContactKind
from waystate.sends.bodies import MessageAnswer
from waystate.web.answers import AnswerBody, Text
from waystate.web.fields import MOST_TAGS, OwnDocument, ShortText, Tag, Tags, check_text

MOST_TAGGED = 1000
"""Customers that are tagged in one call."""
NAMES = {
    "phoneNumber": "phone_number",
    "profilePictureUrl": "profile_picture_url",
    **{each: each for each in ("name", "email", "language", "username", "tags", "preferences", "metadata")},
}
"""What may be edited: as the API calls it → as it is called here."""
CUSTOMER_ID = "019c1420-7b10-7e02-a3c4-1d2e3f405162"
CUSTOMER_EXAMPLE: JsonObject = {
    "id": CUSTOMER_ID,
    "kind": "person",
    "groupId": None,
    "name": "Ana Souza",
    "email": "ana@example.com",
    "phoneNumber": "+5511987654321",
    "username": None,
    "language": "pt_BR",
    "profilePictureUrl": None,
    "tags": ["vip"],
    "preferences": {},
    "metadata": {"plan": "gold"},
    "waIds": ["5511987654321"],
    "userIds": [],
    "messageCount": 12,
    "lastMessageAt": "2026-01-31T12:00:00.000Z",
    "lastActivityAt": "2026-01-31T12:00:00.000Z",
    "createdAt": "2026-01-02T08:30:00.000Z",
    "editedAt": "2026-01-02T08:30:00.000Z",
}


Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(check_text)]
Language = Annotated[str, Field(pattern=r"^[a-zA-Z]{2,3}([_-][a-zA-Z0-9]{2,8}){0,3}$", description="Such as `pt_BR`")]
Url = Annotated[str, Field(max_length=2000, pattern=r"^https://[^\s]+$")]
Phone = Annotated[str, Field(min_length=3, max_length=40)]


class EditableFields(BaseModel):
    """What may be edited of a customer. `preferences` and `metadata` are merged into what there is; null takes away."""

    model_config = ConfigDict(extra="forbid")

    name: ShortText | None = None
    email: Email | None = None
    language: Language | None = None
    username: ShortText | None = None
    profilePictureUrl: Url | None = None
    tags: Tags | None = None
    preferences: OwnDocument | None = None
    metadata: OwnDocument | None = None


class EditCustomer(EditableFields):
    """JSON Merge Patch (RFC 7396): what is left out stays. `phoneNumber` is what is shown: no address is changed by it."""

    phoneNumber: Phone | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "EditCustomer":
        if not self.model_fields_set:
            raise refusal("changes nothing; name the fields that are to change")
        return self


class Named(BaseModel):
    """Who a customer is, by exactly one of `phoneNumber`, `waId` and `userId`."""

    model_config = ConfigDict(extra="forbid")

    phoneNumber: Phone | None = None
    """With the country's code, or national beside `country`."""
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166, such as BR")] | None = None
    waId: Annotated[str, Field(pattern=r"^\+?[0-9]{5,20}$")] | None = None
    userId: Annotated[str, Field(pattern=f"^{BSUID.pattern}$")] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        given = [each for each in (self.phoneNumber, self.waId, self.userId) if each is not None]
        if len(given) != 1:
            raise refusal("needs exactly one of `phoneNumber`, `waId` and `userId`: it says who the customer is")
        if self.country is not None and self.phoneNumber is None:
            raise refusal("has a `country` without a `phoneNumber` that it is for")
        return self


class AddCustomer(Named, EditableFields):
    """A customer by exactly one of `phoneNumber`, `waId` and `userId`, with what is known of them."""

    onExisting: Literal["return", "update"] = "return"
    """Of a customer that there is already: answered as they are, or changed as a PATCH would."""


class MeetCustomer(Named):
    """Who writes, by exactly one of `phoneNumber`, `waId` and `userId`, and what else is known of it."""

    name: ShortText | None = None
    """What they call themselves: taken where no name is known, and learned again when they write."""
    number: Annotated[ShortText | None, Field(description="A phone number id; what is open on it is found, or opened")] = None


class AddTags(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tags: Annotated[list[Tag], Field(min_length=1, max_length=MOST_TAGS)]


class TagCustomers(BaseModel):
    """Tags that each of these customers gets, and loses."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_TAGGED)]
    add: Tags = []
    remove: Tags = []

    @model_validator(mode="after")
    def _says_what(self) -> "TagCustomers":
        if not self.add and not self.remove:
            raise refusal("needs tags to `add` or to `remove`")
        if both := sorted(set(self.add) & set(self.remove)):
            raise refusal(f"has tags both to add and to remove: {', '.join(both[:3])}")
        return self


class CustomerProfile(AnswerBody):
    """A customer. `waIds` and `userIds` lead to them now, the newest last. `phoneNumber` is E.164, or as somebody edited it.

    `kind` is `group` of a WhatsApp group, which has neither of them, but a `groupId`. `messageCount` and the last times are a
    second or two behind.
    """

    id: UUID
    kind: ContactKind
    groupId: str | None
    name: str | None
    email: str | None
    phoneNumber: str | None
    username: str | None
    language: str | None
    profilePictureUrl: str | None
    tags: list[str]
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    waIds: list[str]
    userIds: list[str]
    messageCount: int
    lastMessageAt: Text | None
    lastActivityAt: Text
    createdAt: Text
    editedAt: Text


class FoundCustomer(CustomerProfile):
    """`matches`: by field, where it holds what was asked for, as pairs: from and behind which character."""

    matches: dict[str, list[tuple[int, int]]]


class CustomerPage(AnswerBody):
    """`next` is null on the last page alone. Where very many customers fit each filter, and few fit all of them, a page may
    hold fewer than `limit`, even none: the next one goes on."""

    items: list[FoundCustomer]
    next: str | None


class TagsAnswer(AnswerBody):
    """`changed`: how many customers are tagged otherwise now. `missing`: those of the ids that no customer has."""

    changed: int
    missing: list[UUID]


class CustomerMessages(AnswerBody):
    """Newest first. `next` leads to what is older, and is null on the last page; `previous` to what is newer, and later on
    to what was said since; it is null where nothing was.
    """

    items: list[MessageAnswer]
    next: str | None
    previous: str | None


class CustomerConversations(AnswerBody):
    """Newest first. `next` is null on the last page."""

    items: list[ConversationAnswer]
    next: str | None


class CustomerContext(AnswerBody):
    """What a service or an agent needs to know of a customer at once.

    `conversation` is the open one, or else the last; `messages` are the last ones, newest first.
    """

    customer: CustomerProfile
    conversation: ConversationAnswer | None
    messages: list[MessageAnswer]


def render_customer(profile: Profile) -> CustomerProfile:
    return CustomerProfile(**_fields_of(profile))


def render_found(profile: Profile, question: str | None) -> FoundCustomer:
    fields = _fields_of(profile)
    shown = {key: fields[key] for key in ("name", "email", "username") if fields[key]} if question else {}
    matches = {key: spans for key, text in shown.items() if (spans := find_matches(question or "", text))}
    return FoundCustomer(**fields, matches=matches)


def _fields_of(profile: Profile) -> JsonObject:
    group_id = next(iter(_ids(profile, (IdentityKind.GROUP,))), None)
    return {
        "id": profile.id,
        "kind": "person" if group_id is None else "group",
        "groupId": group_id,
        "name": profile.name,
        "email": profile.email,
        "phoneNumber": profile.phone_number,
        "username": profile.username,
        "language": profile.language,
        "profilePictureUrl": profile.profile_picture_url,
        "tags": sorted(profile.tags),
        "preferences": profile.preferences,
        "metadata": profile.metadata,
        "waIds": _ids(profile, (IdentityKind.WA_ID,)),
        "userIds": _ids(profile, (IdentityKind.BSUID, IdentityKind.PARENT_BSUID)),
        "messageCount": profile.message_count,
        "lastMessageAt": None if profile.last_message_at is None else iso(profile.last_message_at),
        "lastActivityAt": iso(profile.last_activity_at),
        "createdAt": iso(profile.created_at),
        "editedAt": iso(profile.edited_at),
    }


def _ids(profile: Profile, kinds: Sequence[IdentityKind]) -> list[str]:
    return [each.external_id for each in profile.identities if each.kind in kinds]
