"""Of `messages`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models


class MessagesNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def send(
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
        reply_to: str | None = None,
        hold_until_window: bool | None = None,
        send_at: datetime | None = None,
        take: bool | None = None,
        to: str | None = None,
        customer_id: UUID | str | None = None,
        conversation_id: str | None = None,
        number: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.MessageAnswer:
        """Write to a customer

        It is `queued`, and leaves in the order of its customer; its status says how far it came. With `sendAt`, or
        with `holdUntilWindow` while the window is closed, it is `planned` instead.

        reply_to: What it quotes: our id of a message, or its wamid.
        hold_until_window: Where the customer has not written for 24 hours: it waits until they write, for
        `settings.hold_ttl` at most.
        send_at: Not before then; 30 days ahead at most.
        take: A person takes the conversation over from whoever speaks in it; of a key it has no effect.
        to: A phone with its country's code, as people write it, or a business-scoped user id.
        conversation_id: Ours or Genesys'.
        number: WhatsApp's phone_number_id; else that of the conversation, of the customer's latest open one, or the
        default.
        """
        return self._caller.call(
            "POST",
            "/v1/messages",
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
                "to": to,
                "customerId": customer_id,
                "conversationId": conversation_id,
                "number": number,
            },
            is_keyed=True,
        )

    def list(self, *, ids: str | None = None) -> models.MessageList:
        """Messages by their ids

        By any of their ids. What is not there is left out. Of what was planned, `messageId` is what it became.

        ids: Up to 100, with commas between
        """
        return self._caller.call("GET", "/v1/messages", models.MessageList, query={"ids": ids})

    def send_many(
        self,
        *,
        messages: Sequence[models.SendMessage | Mapping[str, Any]],
        mode: models.Mode | None = None,
        idempotency_key: str | None = None,
    ) -> models.SentMany:
        """Write to many customers, 1,000 messages a call

        All or nothing, unless `mode` is `each`. They go out whoever speaks in a conversation, and take nothing over.
        """
        return self._caller.call(
            "POST",
            "/v1/messages/bulk",
            models.SentMany,
            headers={"Idempotency-Key": idempotency_key},
            fields={"messages": messages, "mode": mode},
            is_keyed=True,
        )

    def list_planned(
        self,
        *,
        state: models.PlannedState | None = None,
        customer_id: UUID | str | None = None,
        number: str | None = None,
        after: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.PlannedPage:
        """What waits for its time or its customer, newest first

        With another `state`, what waits no more: `messageId` is what a released one became.

        after: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            "/v1/messages/planned",
            models.PlannedPage,
            query={"state": state, "customerId": customer_id, "number": number, "after": after, "limit": limit},
        )

    def iterate_planned(
        self,
        *,
        state: models.PlannedState | None = None,
        customer_id: UUID | str | None = None,
        number: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.MessageAnswer]:
        """All that `list_planned` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list_planned(state=state, customer_id=customer_id, number=number, limit=page_size, after=after)
            yield from page.items
            if not page.next:
                return
            after = page.next

    def get(self, message_id: str) -> models.MessageAnswer:
        """One message, with its status

        By any of its ids; also one that is planned. Why it stands where it stands is told by its trace.
        """
        return self._caller.call("GET", f"/v1/messages/{in_path(message_id)}", models.MessageAnswer)

    def withdraw(self, message_id: str) -> models.MessageAnswer:
        """Withdraw a message that has not left

        What is planned, or queued and not under way. A queued one is `failed` then, with the code `withdrawn`.
        """
        return self._caller.call("DELETE", f"/v1/messages/{in_path(message_id)}", models.MessageAnswer, is_keyed=True)

    def list_versions(self, message_id: str) -> models.VersionList:
        """A message as it was said and as its customer changed it, the oldest first

        What a message said that was taken back is kept and not shown: of it there are only the times.
        """
        return self._caller.call("GET", f"/v1/messages/{in_path(message_id)}/versions", models.VersionList)

    def resend(self, message_id: str, *, idempotency_key: str | None = None) -> models.MessageAnswer:
        """Send a failed message again

        As a new message that says the same. Of one whose outcome is unknown the customer may have two then.
        """
        return self._caller.call(
            "POST",
            f"/v1/messages/{in_path(message_id)}/resend",
            models.MessageAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def mark_read(self, *, ids: Sequence[UUID | str], idempotency_key: str | None = None) -> models.ReadAnswer:
        """Mark delivered messages as read

        For customers who have read elsewhere what was sent here. Whatever is not `delivered` is `unchanged`.
        """
        return self._caller.call(
            "POST",
            "/v1/messages/read",
            models.ReadAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids},
            is_keyed=True,
        )

    def show_read(self, message_id: str, *, typing: bool | None = None, idempotency_key: str | None = None) -> models.Shown:
        """Show a customer that their message was read

        With all that they wrote before it; with `typing`, that an answer is being written, too.

        typing: Also show, for 25 seconds or until the answer comes, that somebody is writing it.
        """
        return self._caller.call(
            "POST",
            f"/v1/messages/{in_path(message_id)}/seen",
            models.Shown,
            headers={"Idempotency-Key": idempotency_key},
            fields={"typing": typing},
            is_keyed=True,
        )

    def get_trace(self, message_id: str) -> models.MessageTrace:
        """Where a message is, and why

        By wamid, Genesys message id or Waystate's own: who, which conversation on both platforms, every hop with its
        time, every attempt, every reported status, and why it stands where it stands.
        """
        return self._caller.call("GET", f"/v1/messages/{in_path(message_id)}/trace", models.MessageTrace)
