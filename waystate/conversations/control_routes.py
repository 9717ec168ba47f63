"""`/v1/conversations/{id}/…`: who has a conversation, whether it goes on, and what is written on it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Header, Response
from pydantic import Field, StrictBool, model_validator

from waystate.conversations.assign import Destination, Doer
from waystate.conversations.bodies import CONVERSATION_EXAMPLE, ConversationAnswer
from waystate.conversations.control import speaker_of
from waystate.conversations.deeds import Answered, ConversationDeeds
from waystate.documents import JsonObject
from waystate.operations import Operation
from waystate.principal import Principal, Scope, actor_of
from waystate.web.caller import Caller
from waystate.web.fields import OwnDocument, ShortText, Tags
from waystate.web.requests import Body, expected_tags

_PERSON = "019c1420-0000-7000-8000-0000000000aa"
_QUEUE = "019c1420-0000-7000-8000-0000000000bb"
_NO_SUCH = {404: "No conversation of the tenant has this id"}
_ANOTHERS = {**_NO_SUCH, 409: "It has ended, or somebody else has it: `controller`, `holder` and `assignee` say who"}
_WITH_ANA: JsonObject = {
    **CONVERSATION_EXAMPLE,
    "controller": "agent",
    "controlHolder": f"person:{_PERSON}",
    "assignee": {"id": _PERSON, "name": "Bruno Lima"},
}
_FREE: JsonObject = {**CONVERSATION_EXAMPLE, "controller": "none", "controlHolder": None, "controlEpoch": 2}
_QUEUED: JsonObject = {**_FREE, "status": "waiting", "queue": {"id": _QUEUE, "name": "Billing"}}
_CLOSED: JsonObject = {
    **CONVERSATION_EXAMPLE,
    "status": "closed",
    "closedAt": "2026-01-31T12:30:00.000Z",
    "closeReason": "solved",
}

PersonOrQueue = Annotated[UUID, Field(strict=False)]
"""JSON has ids as texts."""
Epoch = Annotated[
    int | None, Field(ge=0, description="The `controlEpoch` that you have seen: 409 if it is in other hands since")
]


class AssignConversation(Body):
    """`user`: who is to have it; null: nobody."""

    user: PersonOrQueue | None
    controlEpoch: Epoch = None


class TakeConversation(Body):
    controlEpoch: Epoch = None


class TransferTo(Body):
    """Exactly one: a person, a queue, or Genesys (`true`)."""

    user: PersonOrQueue | None = None
    queue: PersonOrQueue | None = None
    genesys: StrictBool = False

    @model_validator(mode="after")
    def _is_one(self) -> "TransferTo":
        if [self.user is not None, self.queue is not None, self.genesys].count(True) != 1:
            raise ValueError("needs exactly one of `user`, `queue` and `genesys`: it says who is to have the conversation")
        return self

    @property
    def destination(self) -> Destination:
        if self.user is not None:
            return Destination("user", self.user)
        return Destination("genesys") if self.queue is None else Destination("queue", self.queue)


class TransferConversation(Body):
    to: TransferTo
    note: Annotated[ShortText | None, Field(description="For whoever gets it; the customer does not see it")] = None
    controlEpoch: Epoch = None


class CloseConversation(Body):
    reason: Annotated[ShortText, Field(description="Why, in your own words")]


class EditConversation(Body):
    """JSON Merge Patch (RFC 7396): what is left out stays. `metadata` is merged into what there is; null takes away."""

    subject: ShortText | None = None
    tags: Tags | None = None
    metadata: OwnDocument | None = None
    status: Literal["waiting", "active"] | None = None
    """Whether it waits for an agent. `active` also ends an `error`."""

    @model_validator(mode="after")
    def _changes_something(self) -> "EditConversation":
        if not self.model_fields_set:
            raise ValueError("changes nothing; name the fields that are to change")
        return self


class ControlRoutes:
    """Conversations are named by Waystate's id or Genesys'."""

    def __init__(self, deeds: ConversationDeeds) -> None:
        self._deeds = deeds

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/assign",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Conversations",
        summary="Give a conversation to a person",
        problems={**_NO_SUCH, 409: "It has ended, or went into other hands just now", 422: "Nobody here, or who may not write"},
        example_body={"user": _PERSON},
        example_answer=_WITH_ANA,
        repeatable="who has it has it",
    )
    async def assign_conversation(
        self, conversation_id: str, principal: Caller, response: Response, body: AssignConversation
    ) -> ConversationAnswer:
        """Whoever has it. `user: null`: nobody has it any more, and it waits in its queue."""
        doer = _doer(principal)
        return _told(
            response,
            await self._deeds.assign(principal.tenant_id, conversation_id, doer, body.user, epoch=body.controlEpoch),
        )

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/take",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Take a conversation",
        problems={**_ANOTHERS, 403: "It waits in a queue that is not yours, or you are no person"},
        is_body_optional=True,
        example_body={},
        example_answer=_WITH_ANA,
        repeatable="who has it has it",
    )
    async def take_conversation(
        self, conversation_id: str, principal: Caller, response: Response, body: TakeConversation
    ) -> ConversationAnswer:
        """For yourself: one that nobody has, in no queue or in one of yours, or that Genesys or a service has; from another
        person only if you may assign conversations."""
        doer = _doer(principal)
        return _told(response, await self._deeds.take(principal.tenant_id, conversation_id, doer, epoch=body.controlEpoch))

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/release",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Give a conversation back",
        problems=_ANOTHERS,
        example_answer=_FREE,
        repeatable="what nobody has nobody has",
    )
    async def release_conversation(self, conversation_id: str, principal: Caller, response: Response) -> ConversationAnswer:
        """Nobody has it then: it waits in the queue that it came from, and outside one Genesys gets what is not answered."""
        return _told(response, await self._deeds.release(principal.tenant_id, conversation_id, _doer(principal)))

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/transfer",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Pass a conversation on",
        problems={**_ANOTHERS, 422: "No such person or queue, or who may not write"},
        example_body={"to": {"queue": _QUEUE}, "note": "Asks about her invoice of May"},
        example_answer=_QUEUED,
    )
    async def transfer_conversation(
        self, conversation_id: str, principal: Caller, response: Response, body: TransferConversation
    ) -> ConversationAnswer:
        """To a person, a queue or Genesys, if you have it or nobody does, or you may assign conversations."""
        return _told(
            response,
            await self._deeds.transfer(
                principal.tenant_id,
                conversation_id,
                _doer(principal),
                body.to.destination,
                body.note,
                epoch=body.controlEpoch,
            ),
        )

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/close",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Close a conversation",
        problems=_ANOTHERS,
        example_body={"reason": "solved"},
        example_answer=_CLOSED,
    )
    async def close_conversation(
        self, conversation_id: str, principal: Caller, response: Response, body: CloseConversation
    ) -> ConversationAnswer:
        """What the customer writes next begins a new one. Genesys' conversation is not ended by it."""
        return _told(response, await self._deeds.close(principal.tenant_id, conversation_id, _doer(principal), body.reason))

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/reopen",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Reopen a conversation that somebody closed",
        problems={**_NO_SUCH, 409: "It ended by itself or too long ago, or a newer one is open: `conversationId`"},
        example_answer=_FREE,
    )
    async def reopen_conversation(self, conversation_id: str, principal: Caller, response: Response) -> ConversationAnswer:
        """Within `settings.reopen_ttl`. Nobody has it then; Genesys' conversation stays ended, and a new one begins there with
        what the customer writes next."""
        return _told(response, await self._deeds.reopen(principal.tenant_id, conversation_id, _doer(principal)))

    @Operation(
        "PATCH",
        "/v1/conversations/{conversation_id}",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Change what is written on a conversation",
        problems={**_NO_SUCH, 409: "It has ended, so its status stays", 412: "Somebody changed it since: read again"},
        example_body={"subject": "Invoice of May", "tags": ["billing"], "metadata": {"ticket": "4711"}},
        example_answer={**_WITH_ANA, "subject": "Invoice of May", "tags": ["billing"], "metadata": {"ticket": "4711"}},
    )
    async def edit_conversation(
        self,
        conversation_id: str,
        principal: Caller,
        response: Response,
        body: EditConversation,
        if_match: Annotated[str | None, Header(alias="If-Match", max_length=500)] = None,
    ) -> ConversationAnswer:
        """Its subject, tags and metadata, and whether it waits for an agent."""
        fields = {each: getattr(body, each) for each in body.model_fields_set}
        return _told(
            response,
            await self._deeds.edit(
                principal.tenant_id, conversation_id, _doer(principal), fields, expected=expected_tags(if_match)
            ),
        )


def _doer(principal: Principal) -> Doer:
    return Doer(speaker_of(principal), actor_of(principal), principal)


def _told(response: Response, answered: Answered) -> ConversationAnswer:
    response.headers["ETag"] = answered.etag
    return answered.conversation
