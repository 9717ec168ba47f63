"""Of `conversations`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class ConversationsNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        q: str | None = None,
        status: models.ConversationStatus | Literal["open"] | None = None,
        assignee: UUID | str | Literal["me", "none"] | None = None,
        queue: UUID | str | None = None,
        controller: models.Controller | None = None,
        number: str | None = None,
        tag: Sequence[str] | None = None,
        updated_since: datetime | None = None,
        window_open: bool | None = None,
        sort: models.InboxSort | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> models.ConversationPage:
        """Conversations, by what was said, whose they are, or who waits longest

        A second or two after what happened. `waiting`: those whose customer waits for an answer, the longest first.
        Case and diacritics do not matter to words; what fits is told by `matches`.

        q: Words, or their beginnings, that stand together in a message or are the customer's; or a phone
        status: `open`: active, waiting or error
        assignee: Of open ones alone where it is `none`
        controller: Who speaks in it; of open ones alone
        number: This phone number id
        tag: Each of them
        updated_since: With a message, or a look, at this time or later
        window_open: Whether free text may be sent; of open ones alone
        after: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            "/v1/conversations",
            models.ConversationPage,
            query={
                "q": q,
                "status": status,
                "assignee": assignee,
                "queue": queue,
                "controller": controller,
                "number": number,
                "tag": tag,
                "updatedSince": updated_since,
                "windowOpen": window_open,
                "sort": sort,
                "after": after,
                "limit": limit,
            },
        )

    def iterate(
        self,
        *,
        q: str | None = None,
        status: models.ConversationStatus | Literal["open"] | None = None,
        assignee: UUID | str | Literal["me", "none"] | None = None,
        queue: UUID | str | None = None,
        controller: models.Controller | None = None,
        number: str | None = None,
        tag: Sequence[str] | None = None,
        updated_since: datetime | None = None,
        window_open: bool | None = None,
        sort: models.InboxSort | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.ListedConversation]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list(
                q=q,
                status=status,
                assignee=assignee,
                queue=queue,
                controller=controller,
                number=number,
                tag=tag,
                updated_since=updated_since,
                window_open=window_open,
                sort=sort,
                limit=page_size,
                after=after,
            )
            yield from page.items
            if not page.next:
                return
            after = page.next

    def begin(
        self,
        *,
        type: models.ContentType,
        text: models.TextContent | Mapping[str, Any] | None = None,
        media: models.MediaContent | Mapping[str, Any] | None = None,
        location: models.LocationContent | Mapping[str, Any] | None = None,
        contacts: Sequence[models.ContactCardInput | Mapping[str, Any]] | None = None,
        interactive: models.ButtonMessage
        | Mapping[str, Any]
        | models.ListMessage
        | models.LinkMessage
        | models.FormMessage
        | models.LocationRequest
        | models.ContactRequest
        | models.CallRequest
        | models.CallMessage
        | models.ProductMessage
        | models.ProductListMessage
        | models.CatalogMessage
        | models.CarouselMessage
        | models.AddressRequest
        | models.PaymentRequest
        | models.OrderUpdate
        | None = None,
        template: models.TemplateContent | Mapping[str, Any] | None = None,
        reaction: models.ReactionContent | Mapping[str, Any] | None = None,
        to: str | None = None,
        customer_id: UUID | str | None = None,
        number: str | None = None,
        take: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.BegunConversation:
        """Begin a conversation with a customer

        Where the customer has an open one on the number it is used (200). Genesys hears of it with the customer's
        answer.

        to: A phone with its country's code, as people write it, or a business-scoped user id.
        number: WhatsApp's phone_number_id; else that of the customer's latest open conversation, or the default.
        take: A person takes the conversation over from whoever speaks in it; of a key it has no effect.
        """
        return self._caller.call(
            "POST",
            "/v1/conversations",
            models.BegunConversation,
            headers={"Idempotency-Key": idempotency_key},
            fields={
                "type": type,
                "text": text,
                "media": media,
                "location": location,
                "contacts": contacts,
                "interactive": interactive,
                "template": template,
                "reaction": reaction,
                "to": to,
                "customerId": customer_id,
                "number": number,
                "take": take,
            },
            is_keyed=True,
        )

    def list_messages(
        self,
        conversation_id: str,
        *,
        before: str | None = None,
        after: str | None = None,
        around: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.ConversationMessages:
        """What was said in a conversation, newest first

        Both ways from where one stands. The `after` of the newest page leads to what is said from then on.

        before: The `before` of a page: what is older
        after: The `after` of a page: what is newer
        around: This message, and as much before as after it
        """
        return self._caller.call(
            "GET",
            f"/v1/conversations/{in_path(conversation_id)}/messages",
            models.ConversationMessages,
            query={"before": before, "after": after, "around": around, "limit": limit},
        )

    def write_in(
        self,
        conversation_id: str,
        *,
        type: models.ContentType,
        text: models.TextContent | Mapping[str, Any] | None = None,
        media: models.MediaContent | Mapping[str, Any] | None = None,
        location: models.LocationContent | Mapping[str, Any] | None = None,
        contacts: Sequence[models.ContactCardInput | Mapping[str, Any]] | None = None,
        interactive: models.ButtonMessage
        | Mapping[str, Any]
        | models.ListMessage
        | models.LinkMessage
        | models.FormMessage
        | models.LocationRequest
        | models.ContactRequest
        | models.CallRequest
        | models.CallMessage
        | models.ProductMessage
        | models.ProductListMessage
        | models.CatalogMessage
        | models.CarouselMessage
        | models.AddressRequest
        | models.PaymentRequest
        | models.OrderUpdate
        | None = None,
        template: models.TemplateContent | Mapping[str, Any] | None = None,
        reaction: models.ReactionContent | Mapping[str, Any] | None = None,
        reply_to: str | None = None,
        hold_until_window: bool | None = None,
        send_at: datetime | None = None,
        take: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.MessageAnswer:
        """Write in a conversation

        As `POST /v1/messages` to its customer, from its number. Of one that is over it goes into the open one.

        reply_to: What it quotes: our id of a message, or its wamid.
        hold_until_window: Where the customer has not written for 24 hours: it waits until they write, for
        `settings.hold_ttl` at most.
        send_at: Not before then; 30 days ahead at most.
        take: A person takes the conversation over from whoever speaks in it; of a key it has no effect.
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/messages",
            models.MessageAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={
                "type": type,
                "text": text,
                "media": media,
                "location": location,
                "contacts": contacts,
                "interactive": interactive,
                "template": template,
                "reaction": reaction,
                "replyTo": reply_to,
                "holdUntilWindow": hold_until_window,
                "sendAt": send_at,
                "take": take,
            },
            is_keyed=True,
        )

    def read(self, conversation_id: str) -> models.CountedConversation:
        """How a conversation stands

        By Waystate's id or Genesys': with whom, who speaks, whether free text may be sent, and how much was said.

        The `ETag` is of what may be edited.
        """
        return self._caller.call("GET", f"/v1/conversations/{in_path(conversation_id)}", models.CountedConversation)

    def edit(
        self,
        conversation_id: str,
        *,
        if_match: str | None = None,
        subject: str | Unset | None = UNSET,
        tags: Sequence[str] | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset | None = UNSET,
        status: Literal["waiting", "active"] | Unset | None = UNSET,
    ) -> models.ConversationAnswer:
        """Change what is written on a conversation

        Its subject, tags and metadata, and whether it waits for an agent.
        """
        return self._caller.call(
            "PATCH",
            f"/v1/conversations/{in_path(conversation_id)}",
            models.ConversationAnswer,
            headers={"If-Match": if_match},
            fields={"subject": subject, "tags": tags, "metadata": metadata, "status": status},
            is_keyed=True,
        )

    def assign(
        self,
        conversation_id: str,
        *,
        user: UUID | str | None,
        control_epoch: int | None = None,
        idempotency_key: str | None = None,
    ) -> models.ConversationAnswer:
        """Give a conversation to a person

        Whoever has it. `user: null`: nobody has it any more, and it waits in its queue.

        control_epoch: The `controlEpoch` that you have seen: 409 if it is in other hands since
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/assign",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"user": user, "controlEpoch": control_epoch},
            nulls=("user",),
            is_keyed=True,
        )

    def take(
        self, conversation_id: str, *, control_epoch: int | None = None, idempotency_key: str | None = None
    ) -> models.ConversationAnswer:
        """Take a conversation

        For yourself: one that nobody has, in no queue or in one of yours, or that Genesys or a service has; from
        another person only if you may assign conversations.

        control_epoch: The `controlEpoch` that you have seen: 409 if it is in other hands since
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/take",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"controlEpoch": control_epoch},
            is_keyed=True,
        )

    def release(self, conversation_id: str, *, idempotency_key: str | None = None) -> models.ConversationAnswer:
        """Give a conversation back

        Nobody has it then: it waits in the queue that it came from, and outside one Genesys gets what is not
        answered.
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/release",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def transfer(
        self,
        conversation_id: str,
        *,
        to: models.TransferTo | Mapping[str, Any],
        note: str | None = None,
        control_epoch: int | None = None,
        idempotency_key: str | None = None,
    ) -> models.ConversationAnswer:
        """Pass a conversation on

        To a person, a queue or Genesys, if you have it or nobody does, or you may assign conversations.

        note: For whoever gets it; the customer does not see it
        control_epoch: The `controlEpoch` that you have seen: 409 if it is in other hands since
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/transfer",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"to": to, "note": note, "controlEpoch": control_epoch},
            is_keyed=True,
        )

    def close(self, conversation_id: str, *, reason: str, idempotency_key: str | None = None) -> models.ConversationAnswer:
        """Close a conversation

        What the customer writes next begins a new one. Genesys' conversation is not ended by it.

        reason: Why, in your own words
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/close",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"reason": reason},
            is_keyed=True,
        )

    def reopen(self, conversation_id: str, *, idempotency_key: str | None = None) -> models.ConversationAnswer:
        """Reopen a conversation that somebody closed

        Within `settings.reopen_ttl`. Nobody has it then; Genesys' conversation stays ended, and a new one begins
        there with what the customer writes next.
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/reopen",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def add_note(self, conversation_id: str, *, text: str, idempotency_key: str | None = None) -> models.NoteAnswer:
        """Write a note that the customer never sees

        Its event says that there is one, and not what it says. It goes when the conversation goes.
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/notes",
            models.NoteAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"text": text},
            is_keyed=True,
        )

    def list_notes(self, conversation_id: str, *, after: str | None = None, limit: int | None = None) -> models.NotePage:
        """Notes of a conversation, newest first

        With who wrote each.

        after: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            f"/v1/conversations/{in_path(conversation_id)}/notes",
            models.NotePage,
            query={"after": after, "limit": limit},
        )

    def iterate_notes(self, conversation_id: str, *, page_size: int | None = None) -> Iterator[models.NoteAnswer]:
        """All that `list_notes` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list_notes(conversation_id, limit=page_size, after=after)
            yield from page.items
            if not page.next:
                return
            after = page.next

    def list_participants(self, conversation_id: str) -> models.ParticipantsAnswer:
        """Who takes part in a conversation

        Its customer, or the people of a group; who has it; and who was added, of whom the `ETag` is.
        """
        return self._caller.call("GET", f"/v1/conversations/{in_path(conversation_id)}/participants", models.ParticipantsAnswer)

    def put_participants(
        self,
        conversation_id: str,
        *,
        participants: Sequence[models.PutParticipant | Mapping[str, Any]],
        if_match: str | None = None,
    ) -> models.ParticipantsAnswer:
        """Say who is added to a conversation

        The whole list of those who are added then. The customer and who has the conversation take part by themselves.

        if_match: The ETag of what you have seen
        """
        return self._caller.call(
            "PUT",
            f"/v1/conversations/{in_path(conversation_id)}/participants",
            models.ParticipantsAnswer,
            headers={"If-Match": if_match},
            fields={"participants": participants},
            is_keyed=True,
        )

    def remove_participant(self, conversation_id: str, participant_id: UUID | str) -> None:
        """Take somebody out who was added

        By the id of the customer or of the person.
        """
        return self._caller.call(
            "DELETE",
            f"/v1/conversations/{in_path(conversation_id)}/participants/{in_path(participant_id)}",
            None,
            is_keyed=True,
        )

    def read_up_to(
        self, conversation_id: str, *, up_to: UUID | str, tell_customer: bool | None = None, idempotency_key: str | None = None
    ) -> models.ReadSoFarAnswer:
        """Say how far you have read

        Forward only, for the person who asks. With `tellCustomer` WhatsApp shows it, once for the customer's newest
        message there: that covers all before it.

        up_to: A message of the conversation: it and all before it were read
        """
        return self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/read",
            models.ReadSoFarAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"upTo": up_to, "tellCustomer": tell_customer},
            is_keyed=True,
        )
