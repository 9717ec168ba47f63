"""`/v1/messages`: a business writes to its customers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from waystate.conversations.control import SYSTEM, speaker_of
from waystate.documents import clean_text
from waystate.errors import NotFound, Refused, Unprocessable
from waystate.operations import Operation
from waystate.planned.model import PlannedFilter, PlannedState
from waystate.principal import Scope, actor_of
from waystate.sends.bodies import (
    MESSAGE_EXAMPLE,
    MESSAGE_ID,
    MOST_READ,
    MOST_SENDS,
    PLANNED_EXAMPLE,
    SEND_EXAMPLE,
    VERSIONS_EXAMPLE,
    MarkRead,
    MessageAnswer,
    MessageList,
    PlannedPage,
    ReadAnswer,
    SendMany,
    SendMessage,
    SentMany,
    Shown,
    ShowRead,
    VersionList,
    draft_of,
    id_of,
    render_bulk,
)
from waystate.sends.model import Mode
from waystate.sends.sending import Sends
from waystate.web.caller import Caller

_NAMED = f"Up to {MOST_READ}, with commas between"
_REFUSED = {
    404: "No such customer, conversation or number",
    409: "The window is closed, somebody else speaks, the number is off, or they want no marketing; `code` says which",
    422: "A field is missing or wrong, or WhatsApp would refuse it; `errors` names the fields",
}


class SendRoutes:
    def __init__(self, sends: Sends) -> None:
        self._sends = sends

    @Operation(
        "POST",
        "/v1/messages",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary="Write to a customer",
        status=202,
        problems=_REFUSED,
        example_body=SEND_EXAMPLE,
        example_answer=MESSAGE_EXAMPLE,
    )
    async def send_message(self, principal: Caller, body: SendMessage) -> MessageAnswer:
        """It is `queued`, and leaves in the order of its customer; its status says how far it came. With `sendAt`, or with
        `holdUntilWindow` while the window is closed, it is `planned` instead."""
        draft = draft_of(body, speaker_of(principal, takes=body.take), actor_of(principal))
        (outcome,) = await self._sends.post(principal.tenant_id, [draft], Mode.ALL_OR_NOTHING, principal)
        assert not isinstance(outcome, Refused)
        return (await self._sends.read(principal.tenant_id, [str(id_of(outcome))]))[0]

    @Operation(
        "POST",
        "/v1/messages/bulk",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary=f"Write to many customers, {MOST_SENDS:,} messages a call",
        status=202,
        problems=_REFUSED,
        example_body={"messages": [SEND_EXAMPLE], "mode": "each"},
        example_answer={"taken": 1, "messages": [MESSAGE_EXAMPLE], "refused": []},
    )
    async def send_messages(self, principal: Caller, body: SendMany) -> SentMany:
        """All or nothing, unless `mode` is `each`. They go out whoever speaks in a conversation, and take nothing over."""
        actor = actor_of(principal)
        drafts = [draft_of(each, SYSTEM, actor) for each in body.messages]
        results = await self._sends.post(principal.tenant_id, drafts, body.mode, principal)
        ids = [str(id_of(each)) for each in results if not isinstance(each, Refused)]
        messages = {each.id: each for each in await self._sends.read(principal.tenant_id, ids)}
        return render_bulk(results, messages)

    @Operation(
        "GET",
        "/v1/messages",
        Scope.MESSAGES_READ,
        tag="Messages",
        summary="Messages by their ids",
        example_answer={"items": [MESSAGE_EXAMPLE]},
    )
    async def list_messages(
        self,
        principal: Caller,
        ids: Annotated[str, Query(max_length=20_000, description=_NAMED, examples=[MESSAGE_ID])] = "",
    ) -> MessageList:
        """By any of their ids. What is not there is left out. Of what was planned, `messageId` is what it became."""
        named = list(dict.fromkeys(each.strip() for each in ids.split(",") if each.strip()))
        if len(named) > MOST_READ:
            raise Unprocessable("ids_unusable", f"`ids` names {len(named)} messages; name {MOST_READ} at the most.")
        return MessageList(items=await self._sends.read(principal.tenant_id, named, principal))

    @Operation(
        "GET",
        "/v1/messages/planned",
        Scope.MESSAGES_READ,
        tag="Messages",
        summary="What waits for its time or its customer, newest first",
        example_answer={"items": [PLANNED_EXAMPLE], "next": None},
    )
    async def list_planned_messages(
        self,
        principal: Caller,
        state: Annotated[PlannedState, Query()] = PlannedState.WAITING,
        customerId: Annotated[UUID | None, Query()] = None,
        number: Annotated[str | None, Query(max_length=200)] = None,
        after: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> PlannedPage:
        """With another `state`, what waits no more: `messageId` is what a released one became."""
        wanted = PlannedFilter(
            state=state, contact_id=customerId, phone_number_id=None if number is None else clean_text(number)
        )
        items, following = await self._sends.list_planned(
            principal.tenant_id, wanted, after=after, limit=limit, viewer=principal
        )
        return PlannedPage(items=items, next=following)

    @Operation(
        "GET",
        "/v1/messages/{message_id}",
        Scope.MESSAGES_READ,
        tag="Messages",
        summary="One message, with its status",
        problems={404: "No message of the tenant has this id"},
        example_answer=MESSAGE_EXAMPLE,
    )
    async def get_message(self, message_id: str, principal: Caller) -> MessageAnswer:
        """By any of its ids; also one that is planned. Why it stands where it stands is told by its trace."""
        found = await self._sends.read(principal.tenant_id, [message_id], principal)
        if not found:
            raise NotFound("message_not_found", f"There is no message {message_id}.")
        return found[0]

    @Operation(
        "GET",
        "/v1/messages/{message_id}/versions",
        Scope.MESSAGES_READ,
        tag="Messages",
        summary="A message as it was said and as its customer changed it, the oldest first",
        problems={404: "No message of the tenant has this id"},
        example_answer=VERSIONS_EXAMPLE,
    )
    async def list_message_versions(self, message_id: str, principal: Caller) -> VersionList:
        """What a message said that was taken back is kept and not shown: of it there are only the times."""
        return await self._sends.list_versions(principal.tenant_id, message_id, principal)

    @Operation(
        "DELETE",
        "/v1/messages/{message_id}",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary="Withdraw a message that has not left",
        problems={404: "No message of the tenant has this id", 409: "It is being sent, or was sent"},
        example_answer={**MESSAGE_EXAMPLE, "status": "failed", "error": {"code": "withdrawn", "title": "It was withdrawn."}},
    )
    async def withdraw_message(self, message_id: str, principal: Caller) -> MessageAnswer:
        """What is planned, or queued and not under way. A queued one is `failed` then, with the code `withdrawn`."""
        return await self._sends.withdraw(principal.tenant_id, message_id, principal)

    @Operation(
        "POST",
        "/v1/messages/{message_id}/resend",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary="Send a failed message again",
        status=202,
        problems={**_REFUSED, 404: "No message of the tenant has this id"},
        example_answer=MESSAGE_EXAMPLE,
    )
    async def resend_message(self, message_id: str, principal: Caller) -> MessageAnswer:
        """As a new message that says the same. Of one whose outcome is unknown the customer may have two then."""
        speaker, actor = speaker_of(principal), actor_of(principal)
        return await self._sends.resend(principal.tenant_id, message_id, speaker, actor, principal)

    @Operation(
        "POST",
        "/v1/messages/read",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary="Mark delivered messages as read",
        example_body={"ids": [MESSAGE_ID]},
        example_answer={"changed": [MESSAGE_ID], "unchanged": []},
        repeatable="what is read stays read",
    )
    async def mark_messages_read(self, principal: Caller, body: MarkRead) -> ReadAnswer:
        """For customers who have read elsewhere what was sent here. Whatever is not `delivered` is `unchanged`."""
        changed = await self._sends.mark_read(principal.tenant_id, body.ids, principal)
        return ReadAnswer(changed=changed, unchanged=[each for each in dict.fromkeys(body.ids) if each not in changed])

    @Operation(
        "POST",
        "/v1/messages/{message_id}/seen",
        Scope.MESSAGES_SEND,
        tag="Messages",
        summary="Show a customer that their message was read",
        status=202,
        is_body_optional=True,
        problems={404: "No message of the tenant has this id", 409: "It is no message of a customer"},
        example_body={"typing": True},
        example_answer={"message": "It will be shown as read."},
        repeatable="what is shown as read stays so",
    )
    async def show_message_read(self, message_id: str, principal: Caller, body: ShowRead) -> Shown:
        """With all that they wrote before it; with `typing`, that an answer is being written, too."""
        await self._sends.show_read(principal.tenant_id, message_id, typing=body.typing, viewer=principal)
        return Shown(message="It will be shown as read.")
