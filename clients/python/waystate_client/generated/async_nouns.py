"""A class a noun, a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class AsyncWebhooksNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def verify_whatsapp(self, app_id: str, *, hub_mode: str, hub_challenge: str, hub_verify_token: str) -> str:
        """Meta's verification of the callback

        Meta asks this when callback or token are edited: the challenge comes back verbatim.
        """
        return await self._caller.call(
            "GET",
            f"/webhooks/whatsapp/{in_path(app_id)}",
            str,
            query={"hub.mode": hub_mode, "hub.challenge": hub_challenge, "hub.verify_token": hub_verify_token},
        )

    async def receive_whatsapp(self, app_id: str, body: Mapping[str, Any], *, x_hub_signature_256: str) -> models.WebhookTaken:
        """A webhook of Meta: durable before it is answered

        x_hub_signature_256: HMAC-SHA256 over the raw body
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/whatsapp/{in_path(app_id)}",
            models.WebhookTaken,
            headers={"X-Hub-Signature-256": x_hub_signature_256},
            body=body,
        )

    async def receive_genesys(
        self, integration_id: str, body: Mapping[str, Any], *, x_hub_signature_256: str
    ) -> models.WebhookTaken:
        """An outbound message of Genesys: durable before it is answered

        x_hub_signature_256: HMAC-SHA256 over the raw body
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/genesys/{in_path(integration_id)}",
            models.WebhookTaken,
            headers={"X-Hub-Signature-256": x_hub_signature_256},
            body=body,
        )

    async def receive_genesys_events(
        self,
        integration_id: str,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        x_waystate_secret: str | None = None,
    ) -> models.WebhookTaken:
        """Ends of Genesys' conversations: durable before they are answered

        x_waystate_secret: The integration's `event_secret`; or `Authorization: Bearer` with it
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/genesys/{in_path(integration_id)}/events",
            models.WebhookTaken,
            headers={"X-Waystate-Secret": x_waystate_secret},
            body=body,
        )


class AsyncHealthNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.HealthReport:
        """Health of every part

        503: the database does not answer.
        """
        return await self._caller.call("GET", "/health", models.HealthReport)

    async def get_liveness(self) -> models.Alive:
        """Does the process run?"""
        return await self._caller.call("GET", "/health/live", models.Alive)

    async def get_readiness(self) -> models.HealthReport:
        """May traffic come here?

        503: the database does not answer, or the process is starting or stopping.
        """
        return await self._caller.call("GET", "/health/ready", models.HealthReport)


class AsyncMetricsNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> str:
        """Prometheus metrics"""
        return await self._caller.call("GET", "/metrics", str)


class AsyncStateNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get_mapping(
        self, wa_id: str, *, phone_number_id: str | None = None, x_tenant_id: str | None = None
    ) -> models.Mapping:
        """The open conversation of a WhatsApp user; opened where there is none

        Looking up is no activity: it keeps no conversation open.

        wa_id: +919…, 919… or a business-scoped user id
        phone_number_id: Which number; else the latest open conversation, else the default number
        x_tenant_id: Must name the tenant of the key. In trusted mode it is enough by itself.
        """
        return await self._caller.call(
            "GET",
            f"/state/mapping/{in_path(wa_id)}",
            models.Mapping,
            query={"phoneNumberId": phone_number_id},
            headers={"X-Tenant-ID": x_tenant_id},
        )

    async def get_conversation(self, conversation_id: str, *, x_tenant_id: str | None = None) -> models.Mapping:
        """A conversation by Genesys' id or Waystate's own

        x_tenant_id: Must name the tenant of the key. In trusted mode it is enough by itself.
        """
        return await self._caller.call(
            "GET", f"/state/conversation/{in_path(conversation_id)}", models.Mapping, headers={"X-Tenant-ID": x_tenant_id}
        )

    async def track_message(
        self,
        *,
        conversation_id: str,
        direction: Literal["inbound", "outbound"],
        status: str,
        x_tenant_id: str | None = None,
        meta_message_id: str | None = None,
        genesys_message_id: str | None = None,
        tenant_id: str | None = None,
        message_type: str | None = None,
        media_type: str | None = None,
        media_url: str | None = None,
        content: Mapping[str, Any] | str | None = None,
        idempotency_key: str | None = None,
    ) -> models.TrackedMessage:
        """Record a message that somebody else carries

        It only tracks, it never sends. The same id again, of either platform, answers 200 and `created: false`; what
        is told anew, the other id or a later status, is added.

        x_tenant_id: Must name the tenant of the key. In trusted mode it is enough by itself.
        """
        return await self._caller.call(
            "POST",
            "/state/message",
            models.TrackedMessage,
            headers={"X-Tenant-ID": x_tenant_id, "Idempotency-Key": idempotency_key},
            fields={
                "metaMessageId": meta_message_id,
                "genesysMessageId": genesys_message_id,
                "conversationId": conversation_id,
                "tenantId": tenant_id,
                "direction": direction,
                "status": status,
                "messageType": message_type,
                "mediaType": media_type,
                "mediaUrl": media_url,
                "content": content,
            },
            is_keyed=True,
        )

    async def change_message_status(
        self,
        message_id: str,
        *,
        status: str,
        x_tenant_id: str | None = None,
        timestamp: datetime | Unset | None = UNSET,
        error: Mapping[str, Any] | Unset | None = UNSET,
        tenant_id: str | Unset | None = UNSET,
    ) -> models.StatusChanged:
        """Advance a message's status, by wamid, Genesys id or Waystate's own

        x_tenant_id: Must name the tenant of the key. In trusted mode it is enough by itself.
        """
        return await self._caller.call(
            "PATCH",
            f"/state/message/{in_path(message_id)}",
            models.StatusChanged,
            headers={"X-Tenant-ID": x_tenant_id},
            fields={"status": status, "timestamp": timestamp, "error": error, "tenantId": tenant_id},
            is_keyed=True,
        )

    async def correlate_conversation(
        self,
        *,
        conversation_id: str,
        whatsapp_message_id: str,
        x_tenant_id: str | None = None,
        communication_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Correlated:
        """Attach Genesys' ids to the conversation of a message

        x_tenant_id: Must name the tenant of the key. In trusted mode it is enough by itself.
        """
        return await self._caller.call(
            "POST",
            "/state/correlation",
            models.Correlated,
            headers={"X-Tenant-ID": x_tenant_id, "Idempotency-Key": idempotency_key},
            fields={
                "conversation_id": conversation_id,
                "communication_id": communication_id,
                "whatsapp_message_id": whatsapp_message_id,
            },
            is_keyed=True,
        )


class AsyncMessagesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def send(
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
        return await self._caller.call(
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

    async def list(self, *, ids: str | None = None) -> models.MessageList:
        """Messages by their ids

        By any of their ids. What is not there is left out. Of what was planned, `messageId` is what it became.

        ids: Up to 100, with commas between
        """
        return await self._caller.call("GET", "/v1/messages", models.MessageList, query={"ids": ids})

    async def send_many(
        self,
        *,
        messages: Sequence[models.SendMessage | Mapping[str, Any]],
        mode: models.Mode | None = None,
        idempotency_key: str | None = None,
    ) -> models.SentMany:
        """Write to many customers, 1,000 messages a call

        All or nothing, unless `mode` is `each`. They go out whoever speaks in a conversation, and take nothing over.
        """
        return await self._caller.call(
            "POST",
            "/v1/messages/bulk",
            models.SentMany,
            headers={"Idempotency-Key": idempotency_key},
            fields={"messages": messages, "mode": mode},
            is_keyed=True,
        )

    async def list_planned(
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
        return await self._caller.call(
            "GET",
            "/v1/messages/planned",
            models.PlannedPage,
            query={"state": state, "customerId": customer_id, "number": number, "after": after, "limit": limit},
        )

    async def iterate_planned(
        self,
        *,
        state: models.PlannedState | None = None,
        customer_id: UUID | str | None = None,
        number: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.MessageAnswer]:
        """All that `list_planned` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_planned(state=state, customer_id=customer_id, number=number, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def get(self, message_id: str) -> models.MessageAnswer:
        """One message, with its status

        By any of its ids; also one that is planned. Why it stands where it stands is told by its trace.
        """
        return await self._caller.call("GET", f"/v1/messages/{in_path(message_id)}", models.MessageAnswer)

    async def withdraw(self, message_id: str) -> models.MessageAnswer:
        """Withdraw a message that has not left

        What is planned, or queued and not under way. A queued one is `failed` then, with the code `withdrawn`.
        """
        return await self._caller.call("DELETE", f"/v1/messages/{in_path(message_id)}", models.MessageAnswer, is_keyed=True)

    async def list_versions(self, message_id: str) -> models.VersionList:
        """A message as it was said and as its customer changed it, the oldest first

        What a message said that was taken back is kept and not shown: of it there are only the times.
        """
        return await self._caller.call("GET", f"/v1/messages/{in_path(message_id)}/versions", models.VersionList)

    async def resend(self, message_id: str, *, idempotency_key: str | None = None) -> models.MessageAnswer:
        """Send a failed message again

        As a new message that says the same. Of one whose outcome is unknown the customer may have two then.
        """
        return await self._caller.call(
            "POST",
            f"/v1/messages/{in_path(message_id)}/resend",
            models.MessageAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def mark_read(self, *, ids: Sequence[UUID | str], idempotency_key: str | None = None) -> models.ReadAnswer:
        """Mark delivered messages as read

        For customers who have read elsewhere what was sent here. Whatever is not `delivered` is `unchanged`.
        """
        return await self._caller.call(
            "POST",
            "/v1/messages/read",
            models.ReadAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids},
            is_keyed=True,
        )

    async def show_read(
        self, message_id: str, *, typing: bool | None = None, idempotency_key: str | None = None
    ) -> models.Shown:
        """Show a customer that their message was read

        With all that they wrote before it; with `typing`, that an answer is being written, too.

        typing: Also show, for 25 seconds or until the answer comes, that somebody is writing it.
        """
        return await self._caller.call(
            "POST",
            f"/v1/messages/{in_path(message_id)}/seen",
            models.Shown,
            headers={"Idempotency-Key": idempotency_key},
            fields={"typing": typing},
            is_keyed=True,
        )

    async def get_trace(self, message_id: str) -> models.MessageTrace:
        """Where a message is, and why

        By wamid, Genesys message id or Waystate's own: who, which conversation on both platforms, every hop with its
        time, every attempt, every reported status, and why it stands where it stands.
        """
        return await self._caller.call("GET", f"/v1/messages/{in_path(message_id)}/trace", models.MessageTrace)


class AsyncConversationsNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(
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
        return await self._caller.call(
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

    async def iterate(
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
    ) -> AsyncIterator[models.ListedConversation]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(
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
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def begin(
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
        return await self._caller.call(
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

    async def list_messages(
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
        return await self._caller.call(
            "GET",
            f"/v1/conversations/{in_path(conversation_id)}/messages",
            models.ConversationMessages,
            query={"before": before, "after": after, "around": around, "limit": limit},
        )

    async def write_in(
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
        return await self._caller.call(
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

    async def read(self, conversation_id: str) -> models.CountedConversation:
        """How a conversation stands

        By Waystate's id or Genesys': with whom, who speaks, whether free text may be sent, and how much was said.

        The `ETag` is of what may be edited.
        """
        return await self._caller.call("GET", f"/v1/conversations/{in_path(conversation_id)}", models.CountedConversation)

    async def edit(
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
        return await self._caller.call(
            "PATCH",
            f"/v1/conversations/{in_path(conversation_id)}",
            models.ConversationAnswer,
            headers={"If-Match": if_match},
            fields={"subject": subject, "tags": tags, "metadata": metadata, "status": status},
            is_keyed=True,
        )

    async def assign(
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
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/assign",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"user": user, "controlEpoch": control_epoch},
            nulls=("user",),
            is_keyed=True,
        )

    async def take(
        self, conversation_id: str, *, control_epoch: int | None = None, idempotency_key: str | None = None
    ) -> models.ConversationAnswer:
        """Take a conversation

        For yourself: one that nobody has, in no queue or in one of yours, or that Genesys or a service has; from
        another person only if you may assign conversations.

        control_epoch: The `controlEpoch` that you have seen: 409 if it is in other hands since
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/take",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"controlEpoch": control_epoch},
            is_keyed=True,
        )

    async def release(self, conversation_id: str, *, idempotency_key: str | None = None) -> models.ConversationAnswer:
        """Give a conversation back

        Nobody has it then: it waits in the queue that it came from, and outside one Genesys gets what is not
        answered.
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/release",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def transfer(
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
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/transfer",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"to": to, "note": note, "controlEpoch": control_epoch},
            is_keyed=True,
        )

    async def close(
        self, conversation_id: str, *, reason: str, idempotency_key: str | None = None
    ) -> models.ConversationAnswer:
        """Close a conversation

        What the customer writes next begins a new one. Genesys' conversation is not ended by it.

        reason: Why, in your own words
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/close",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"reason": reason},
            is_keyed=True,
        )

    async def reopen(self, conversation_id: str, *, idempotency_key: str | None = None) -> models.ConversationAnswer:
        """Reopen a conversation that somebody closed

        Within `settings.reopen_ttl`. Nobody has it then; Genesys' conversation stays ended, and a new one begins
        there with what the customer writes next.
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/reopen",
            models.ConversationAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def add_note(self, conversation_id: str, *, text: str, idempotency_key: str | None = None) -> models.NoteAnswer:
        """Write a note that the customer never sees

        Its event says that there is one, and not what it says. It goes when the conversation goes.
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/notes",
            models.NoteAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"text": text},
            is_keyed=True,
        )

    async def list_notes(self, conversation_id: str, *, after: str | None = None, limit: int | None = None) -> models.NotePage:
        """Notes of a conversation, newest first

        With who wrote each.

        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            f"/v1/conversations/{in_path(conversation_id)}/notes",
            models.NotePage,
            query={"after": after, "limit": limit},
        )

    async def iterate_notes(self, conversation_id: str, *, page_size: int | None = None) -> AsyncIterator[models.NoteAnswer]:
        """All that `list_notes` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_notes(conversation_id, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def list_participants(self, conversation_id: str) -> models.ParticipantsAnswer:
        """Who takes part in a conversation

        Its customer, or the people of a group; who has it; and who was added, of whom the `ETag` is.
        """
        return await self._caller.call(
            "GET", f"/v1/conversations/{in_path(conversation_id)}/participants", models.ParticipantsAnswer
        )

    async def put_participants(
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
        return await self._caller.call(
            "PUT",
            f"/v1/conversations/{in_path(conversation_id)}/participants",
            models.ParticipantsAnswer,
            headers={"If-Match": if_match},
            fields={"participants": participants},
            is_keyed=True,
        )

    async def remove_participant(self, conversation_id: str, participant_id: UUID | str) -> None:
        """Take somebody out who was added

        By the id of the customer or of the person.
        """
        return await self._caller.call(
            "DELETE",
            f"/v1/conversations/{in_path(conversation_id)}/participants/{in_path(participant_id)}",
            None,
            is_keyed=True,
        )

    async def read_up_to(
        self, conversation_id: str, *, up_to: UUID | str, tell_customer: bool | None = None, idempotency_key: str | None = None
    ) -> models.ReadSoFarAnswer:
        """Say how far you have read

        Forward only, for the person who asks. With `tellCustomer` WhatsApp shows it, once for the customer's newest
        message there: that covers all before it.

        up_to: A message of the conversation: it and all before it were read
        """
        return await self._caller.call(
            "POST",
            f"/v1/conversations/{in_path(conversation_id)}/read",
            models.ReadSoFarAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"upTo": up_to, "tellCustomer": tell_customer},
            is_keyed=True,
        )


class AsyncCustomersNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def import_(
        self,
        content: bytes | AsyncIterable[bytes],
        *,
        on_existing: str | None = None,
        country: str | None = None,
        dry_run: str | None = None,
    ) -> models.ImportAnswer:
        """Add and change customers from a file

        The body is the file: CSV with a header (separated by `,`, `;` or tabs), or a JSON object a line, of any
        length, as an export has them. A customer is known by `waIds`, `userIds`, a known `id`, or else by
        `phoneNumber`. An empty cell says nothing. A thousand rows are one transaction; a bad row is told of with its
        line and left out, the others are kept.

        on_existing: Of who is there already: `update` (the usual one), or `return`, which leaves them as they are
        country: Of phones without their country's code: ISO 3166, such as BR
        dry_run: `true`: nothing is written; the answer says what would be
        content: The file itself.
        """
        return await self._caller.call(
            "POST",
            "/v1/customers/import",
            models.ImportAnswer,
            query={"onExisting": on_existing, "country": country, "dryRun": dry_run},
            content=content,
        )

    async def export_csv(self) -> AsyncIterator[bytes]:
        """All customers, for a spreadsheet

        As long as it takes, a page at a time; imported again it changes nothing. A cell that a spreadsheet would take
        for a formula begins with `'`, which an import takes away again. `tags` are separated by `;`, ids by spaces.
        """
        async for each in self._caller.stream("GET", "/v1/customers/export.csv"):
            yield each

    async def export_ndjson(self) -> AsyncIterator[bytes]:
        """All customers, one JSON object a line

        As `GET /v1/customers` answers each, a page at a time, as long as it takes; imported again it changes nothing.
        """
        async for each in self._caller.stream("GET", "/v1/customers/export.ndjson"):
            yield each

    async def list_duplicates(
        self, *, by: models.Likeness | None = None, after: str | None = None, limit: int | None = None
    ) -> models.DuplicatePage:
        """Customers that may be one

        Suggestions, the surest first, a second or two behind what happens: the same phone in any spelling, e-mail,
        user name, or a full name that few others have. Who have several in common are shown once. Merge those who are
        one by `POST /v1/customers/{id}/merge`; a page may be shorter than `limit` and still have a `next`.

        by: What they have in common; else any of these
        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET", "/v1/customers/duplicates", models.DuplicatePage, query={"by": by, "after": after, "limit": limit}
        )

    async def iterate_duplicates(
        self, *, by: models.Likeness | None = None, page_size: int | None = None
    ) -> AsyncIterator[models.DuplicateGroup]:
        """All that `list_duplicates` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_duplicates(by=by, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def list(
        self,
        *,
        q: str | None = None,
        tag: Sequence[str] | None = None,
        active_since: datetime | None = None,
        active_until: datetime | None = None,
        created_since: datetime | None = None,
        created_until: datetime | None = None,
        has_open_conversation: bool | None = None,
        number: str | None = None,
        sort: models.Sort | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> models.CustomerPage:
        """Customers, by what they are called, tagged, or did last

        A second or two after what happened. Case and diacritics do not matter to words; what fits is told by
        `matches`.

        q: Words, or their beginnings, of name, e-mail and ids; or a phone, as people write it
        tag: Each of them
        active_since: Active at this time or later
        active_until: Last active before this time
        number: With a conversation on this phone number id
        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            "/v1/customers",
            models.CustomerPage,
            query={
                "q": q,
                "tag": tag,
                "activeSince": active_since,
                "activeUntil": active_until,
                "createdSince": created_since,
                "createdUntil": created_until,
                "hasOpenConversation": has_open_conversation,
                "number": number,
                "sort": sort,
                "after": after,
                "limit": limit,
            },
        )

    async def iterate(
        self,
        *,
        q: str | None = None,
        tag: Sequence[str] | None = None,
        active_since: datetime | None = None,
        active_until: datetime | None = None,
        created_since: datetime | None = None,
        created_until: datetime | None = None,
        has_open_conversation: bool | None = None,
        number: str | None = None,
        sort: models.Sort | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.FoundCustomer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(
                q=q,
                tag=tag,
                active_since=active_since,
                active_until=active_until,
                created_since=created_since,
                created_until=created_until,
                has_open_conversation=has_open_conversation,
                number=number,
                sort=sort,
                limit=page_size,
                after=after,
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def add(
        self,
        *,
        name: str | None = None,
        email: str | None = None,
        language: str | None = None,
        username: str | None = None,
        profile_picture_url: str | None = None,
        tags: Sequence[str] | None = None,
        preferences: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        phone_number: str | None = None,
        country: str | None = None,
        wa_id: str | None = None,
        user_id: str | None = None,
        on_existing: Literal["return", "update"] | None = None,
        idempotency_key: str | None = None,
    ) -> models.CustomerProfile:
        """Add a customer, or find the one that there is

        By a phone or a business-scoped user id. One that is known already is answered with 200, and with `onExisting:
        update` is changed as a PATCH would.
        """
        return await self._caller.call(
            "POST",
            "/v1/customers",
            models.CustomerProfile,
            headers={"Idempotency-Key": idempotency_key},
            fields={
                "name": name,
                "email": email,
                "language": language,
                "username": username,
                "profilePictureUrl": profile_picture_url,
                "tags": tags,
                "preferences": preferences,
                "metadata": metadata,
                "phoneNumber": phone_number,
                "country": country,
                "waId": wa_id,
                "userId": user_id,
                "onExisting": on_existing,
            },
            is_keyed=True,
        )

    async def tag(
        self,
        *,
        ids: Sequence[UUID | str],
        add: Sequence[str] | None = None,
        remove: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> models.TagsAnswer:
        """Tag many customers at once

        All in one transaction, without reading them first.
        """
        return await self._caller.call(
            "POST",
            "/v1/customers/tags",
            models.TagsAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "add": add, "remove": remove},
            is_keyed=True,
        )

    async def get(self, customer_id: UUID | str) -> models.CustomerProfile:
        """What is known of a customer

        The `ETag` is of what may be edited: a message changes it not.
        """
        return await self._caller.call("GET", f"/v1/customers/{in_path(customer_id)}", models.CustomerProfile)

    async def edit(
        self,
        customer_id: UUID | str,
        *,
        if_match: str | None = None,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        language: str | Unset | None = UNSET,
        username: str | Unset | None = UNSET,
        profile_picture_url: str | Unset | None = UNSET,
        tags: Sequence[str] | Unset | None = UNSET,
        preferences: Mapping[str, Any] | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset | None = UNSET,
        phone_number: str | Unset | None = UNSET,
    ) -> models.CustomerProfile:
        """Change what is known of a customer

        JSON Merge Patch (RFC 7396). A name that is given here stays, whatever WhatsApp says; null: it is learned
        again.

        if_match: The ETag of the customer as you have seen them
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/customers/{in_path(customer_id)}",
            models.CustomerProfile,
            headers={"If-Match": if_match},
            fields={
                "name": name,
                "email": email,
                "language": language,
                "username": username,
                "profilePictureUrl": profile_picture_url,
                "tags": tags,
                "preferences": preferences,
                "metadata": metadata,
                "phoneNumber": phone_number,
            },
            is_keyed=True,
        )

    async def add_tags(
        self, customer_id: UUID | str, *, tags: Sequence[str], idempotency_key: str | None = None
    ) -> models.CustomerProfile:
        """Give a customer tags

        Those that the customer has stay.
        """
        return await self._caller.call(
            "POST",
            f"/v1/customers/{in_path(customer_id)}/tags",
            models.CustomerProfile,
            headers={"Idempotency-Key": idempotency_key},
            fields={"tags": tags},
            is_keyed=True,
        )

    async def remove_tag(self, customer_id: UUID | str, tag: str) -> models.CustomerProfile:
        """Take a tag from a customer

        Who does not have it stays as they are.
        """
        return await self._caller.call(
            "DELETE", f"/v1/customers/{in_path(customer_id)}/tags/{in_path(tag)}", models.CustomerProfile, is_keyed=True
        )

    async def list_messages(
        self,
        customer_id: UUID | str,
        *,
        direction: models.Direction | None = None,
        type: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> models.CustomerMessages:
        """Everything that was said with a customer, newest first

        Across conversations and numbers, by the time at which the platform says it was sent.

        type: Such as `text` or `image`
        after: The `next` of the page before
        before: The `previous` of a page: what is newer
        """
        return await self._caller.call(
            "GET",
            f"/v1/customers/{in_path(customer_id)}/messages",
            models.CustomerMessages,
            query={"direction": direction, "type": type, "after": after, "before": before, "limit": limit},
        )

    async def iterate_messages(
        self,
        customer_id: UUID | str,
        *,
        direction: models.Direction | None = None,
        type: str | None = None,
        before: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.MessageAnswer]:
        """All that `list_messages` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_messages(
                customer_id, direction=direction, type=type, before=before, limit=page_size, after=after
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def list_conversations(
        self, customer_id: UUID | str, *, after: str | None = None, limit: int | None = None
    ) -> models.CustomerConversations:
        """A customer's conversations, newest first

        On every number, open and ended ones.

        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            f"/v1/customers/{in_path(customer_id)}/conversations",
            models.CustomerConversations,
            query={"after": after, "limit": limit},
        )

    async def iterate_conversations(
        self, customer_id: UUID | str, *, page_size: int | None = None
    ) -> AsyncIterator[models.ConversationAnswer]:
        """All that `list_conversations` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_conversations(customer_id, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def get_context(self, customer_id: UUID | str) -> models.CustomerContext:
        """Who this is, who speaks with them, and what was said last

        In one call what a service needs before it answers: the profile, the conversation with its window, the last 20
        messages.
        """
        return await self._caller.call("GET", f"/v1/customers/{in_path(customer_id)}/context", models.CustomerContext)

    async def meet(
        self,
        *,
        phone_number: str | None = None,
        country: str | None = None,
        wa_id: str | None = None,
        user_id: str | None = None,
        name: str | None = None,
        number: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.CustomerContext:
        """Who writes, known or new: their context in one call

        The customer is found, or added with 201, and answered as `GET /v1/customers/{customer_id}/context` does. With
        `number` the open conversation on it is found or opened too, as `GET /state/mapping/{waId}` does, and is the
        `conversation` of the answer.

        number: A phone number id; what is open on it is found, or opened
        """
        return await self._caller.call(
            "POST",
            "/v1/customers/context",
            models.CustomerContext,
            headers={"Idempotency-Key": idempotency_key},
            fields={
                "phoneNumber": phone_number,
                "country": country,
                "waId": wa_id,
                "userId": user_id,
                "name": name,
                "number": number,
            },
            is_keyed=True,
        )

    async def merge(
        self, customer_id: UUID | str, *, from_: UUID | str, idempotency_key: str | None = None
    ) -> models.MergedAnswer:
        """Merge another record of this customer into them

        All that is the other's is theirs: ids, conversations, tags, what waits to be sent. Of a field that both have,
        theirs stands; an opt-out of either holds. Of two open conversations on one number the one in which the
        customer wrote last goes on. The other's id leads here from then on.
        """
        return await self._caller.call(
            "POST",
            f"/v1/customers/{in_path(customer_id)}/merge",
            models.MergedAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"from": from_},
            is_keyed=True,
        )

    async def list_merges(
        self, customer_id: UUID | str, *, after: str | None = None, limit: int | None = None
    ) -> models.MergePage:
        """Which records turned out to be this customer

        By hand, and by what messages proved; each can be undone.

        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET", f"/v1/customers/{in_path(customer_id)}/merges", models.MergePage, query={"after": after, "limit": limit}
        )

    async def iterate_merges(
        self, customer_id: UUID | str, *, page_size: int | None = None
    ) -> AsyncIterator[models.MergeAnswer]:
        """All that `list_merges` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_merges(customer_id, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def undo_merge(self, merge_id: UUID | str, *, idempotency_key: str | None = None) -> models.UnmergedAnswer:
        """Undo a merge

        The merged customer is one of their own again, by the id they had. What came from their phone or user id since
        the merge, and what was sent there, goes with them; what somebody edited since stays where it was edited.
        """
        return await self._caller.call(
            "POST",
            f"/v1/customers/merges/{in_path(merge_id)}/undo",
            models.UnmergedAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def list_timeline(
        self, customer_id: UUID | str, *, after: str | None = None, limit: int | None = None
    ) -> models.CustomerTimeline:
        """What happened with a customer, newest first

        Messages, what was reported of them, and what became of conversations, in one order. `kind` says which.

        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            f"/v1/customers/{in_path(customer_id)}/timeline",
            models.CustomerTimeline,
            query={"after": after, "limit": limit},
        )

    async def iterate_timeline(
        self, customer_id: UUID | str, *, page_size: int | None = None
    ) -> AsyncIterator[models.TimelineMessage | models.TimelineStatus | models.TimelineLog | dict[str, Any]]:
        """All that `list_timeline` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_timeline(customer_id, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def list_integrations(
        self, customer_id: UUID | str, *, after: str | None = None, limit: int | None = None
    ) -> models.CustomerIntegrations:
        """What happened between WhatsApp, Waystate and Genesys for a customer, newest first

        Which of Genesys' conversations it was, who took over from whom, how they ended, and what did not arrive, and
        why.

        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            f"/v1/customers/{in_path(customer_id)}/integrations",
            models.CustomerIntegrations,
            query={"after": after, "limit": limit},
        )

    async def iterate_integrations(
        self, customer_id: UUID | str, *, page_size: int | None = None
    ) -> AsyncIterator[models.TimelineLog | models.IntegrationFailure | dict[str, Any]]:
        """All that `list_integrations` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_integrations(customer_id, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next


class AsyncQueuesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, after: str | None = None, limit: int | None = None) -> models.QueuePage:
        """Queues, by name

        With their members, whether they are open now, and how many open conversations are in each.

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/queues", models.QueuePage, query={"after": after, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.QueueAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def add(
        self,
        *,
        name: str,
        genesys_queue: str | None = None,
        schedule: UUID | str | None = None,
        members: Sequence[UUID | str] | None = None,
        idempotency_key: str | None = None,
    ) -> models.QueueAnswer:
        """Add a queue

        Its members are people of the tenant who accepted their invitation.

        genesys_queue: The id of the queue at Genesys that stands for it
        schedule: By which it is open; null: always
        """
        return await self._caller.call(
            "POST",
            "/v1/queues",
            models.QueueAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"genesysQueue": genesys_queue, "schedule": schedule, "name": name, "members": members},
            is_keyed=True,
        )

    async def get(self, queue_id: UUID | str) -> models.QueueAnswer:
        """A queue

        The `ETag` is of what may be edited: what waits in it changes it not.
        """
        return await self._caller.call("GET", f"/v1/queues/{in_path(queue_id)}", models.QueueAnswer)

    async def edit(
        self,
        queue_id: UUID | str,
        *,
        if_match: str | None = None,
        genesys_queue: str | Unset | None = UNSET,
        schedule: UUID | str | Unset | None = UNSET,
        name: str | Unset | None = UNSET,
        members: Sequence[UUID | str] | Unset | None = UNSET,
    ) -> models.QueueAnswer:
        """Change a queue

        JSON Merge Patch (RFC 7396). `members` is the whole list of those who are in it then.

        if_match: The ETag of what you have seen
        genesys_queue: The id of the queue at Genesys that stands for it
        schedule: By which it is open; null: always
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/queues/{in_path(queue_id)}",
            models.QueueAnswer,
            headers={"If-Match": if_match},
            fields={"genesysQueue": genesys_queue, "schedule": schedule, "name": name, "members": members},
            is_keyed=True,
        )

    async def delete(self, queue_id: UUID | str, *, move_to: str | None = None) -> None:
        """Delete a queue

        Its ready answers go with it. Whose conversation it is, and who speaks in it, stays.

        move_to: Where its open conversations wait then: another queue's id, or `none`
        """
        return await self._caller.call(
            "DELETE", f"/v1/queues/{in_path(queue_id)}", None, query={"moveTo": move_to}, is_keyed=True
        )


class AsyncSchedulesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, after: str | None = None, limit: int | None = None) -> models.SchedulePage:
        """Schedules, by name

        Each as it is today, with what was and what is to come.

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/schedules", models.SchedulePage, query={"after": after, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.ScheduleAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def add(
        self,
        *,
        name: str,
        time_zone: str,
        slots: Sequence[models.SlotBody | Mapping[str, Any]],
        valid_from: date | None = None,
        holidays: Sequence[models.HolidayBody | Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> models.ScheduleAnswer:
        """Add a schedule

        A week of slots in a time zone. What closes before it opens closes on the next day.

        valid_from: The day from which this counts; null is today, there
        time_zone: IANA's name, such as Europe/Berlin
        """
        return await self._caller.call(
            "POST",
            "/v1/schedules",
            models.ScheduleAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"validFrom": valid_from, "name": name, "timeZone": time_zone, "slots": slots, "holidays": holidays},
            is_keyed=True,
        )

    async def get(self, schedule_id: UUID | str) -> models.ScheduleAnswer:
        """A schedule, with its versions

        As it is today; `versions` has what was and what is to come.
        """
        return await self._caller.call("GET", f"/v1/schedules/{in_path(schedule_id)}", models.ScheduleAnswer)

    async def edit(
        self,
        schedule_id: UUID | str,
        *,
        if_match: str | None = None,
        valid_from: date | Unset | None = UNSET,
        name: str | Unset | None = UNSET,
        time_zone: str | Unset | None = UNSET,
        slots: Sequence[models.SlotBody | Mapping[str, Any]] | Unset | None = UNSET,
        holidays: Sequence[models.HolidayBody | Mapping[str, Any]] | Unset | None = UNSET,
    ) -> models.ScheduleAnswer:
        """Change a schedule from a day on

        JSON Merge Patch. Hours count from `validFrom` on, or from today; how it was before that day stays known. A
        name has no versions.

        if_match: The ETag of what you have seen
        valid_from: The day from which this counts; null is today, there
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/schedules/{in_path(schedule_id)}",
            models.ScheduleAnswer,
            headers={"If-Match": if_match},
            fields={"validFrom": valid_from, "name": name, "timeZone": time_zone, "slots": slots, "holidays": holidays},
            is_keyed=True,
        )

    async def delete(self, schedule_id: UUID | str) -> None:
        """Delete a schedule

        With all its versions.
        """
        return await self._caller.call("DELETE", f"/v1/schedules/{in_path(schedule_id)}", None, is_keyed=True)

    async def withdraw_version(self, schedule_id: UUID | str, valid_from: date) -> models.ScheduleAnswer:
        """Withdraw a change of a schedule

        The version that counts from that day on; the one before it counts on instead.
        """
        return await self._caller.call(
            "DELETE",
            f"/v1/schedules/{in_path(schedule_id)}/versions/{in_path(valid_from)}",
            models.ScheduleAnswer,
            is_keyed=True,
        )

    async def get_state(self, schedule_id: UUID | str, *, at: datetime | None = None) -> models.StateAnswer:
        """Whether it is open, and until when

        By the version that counted at that time; when clocks change, by what a clock on the wall there says.

        at: Now, if none is named
        """
        return await self._caller.call(
            "GET", f"/v1/schedules/{in_path(schedule_id)}/state", models.StateAnswer, query={"at": at}
        )


class AsyncRepliesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(
        self, *, q: str | None = None, queue: str | None = None, after: str | None = None, limit: int | None = None
    ) -> models.ReplyPage:
        """Ready answers, by shortcut

        As somebody types: case, width and a `/` before it do not matter.

        q: How their shortcuts begin
        queue: Those of this queue and those of all; `none`: those of all alone
        after: The `next` of the page before
        """
        return await self._caller.call(
            "GET", "/v1/replies", models.ReplyPage, query={"q": q, "queue": queue, "after": after, "limit": limit}
        )

    async def iterate(
        self, *, q: str | None = None, queue: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[models.ReplyAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(q=q, queue=queue, limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def add_reply(
        self,
        *,
        shortcut: str,
        text: str,
        title: str | None = None,
        queue: UUID | str | None = None,
        idempotency_key: str | None = None,
    ) -> models.ReplyAnswer:
        """Add a ready answer

        A text with places to fill, in Liquid. A shortcut is there once in a queue, and once for all.

        queue: Of which queue it is; null: of all
        shortcut: One word, in any case, with or without `/` before it
        text: Liquid, with the variables of ready answers
        """
        return await self._caller.call(
            "POST",
            "/v1/replies",
            models.ReplyAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"title": title, "queue": queue, "shortcut": shortcut, "text": text},
            is_keyed=True,
        )

    async def get_reply(self, reply_id: UUID | str) -> models.ReplyAnswer:
        """A ready answer

        As it is written; what it says to a customer is rendered.
        """
        return await self._caller.call("GET", f"/v1/replies/{in_path(reply_id)}", models.ReplyAnswer)

    async def edit_reply(
        self,
        reply_id: UUID | str,
        *,
        if_match: str | None = None,
        title: str | Unset | None = UNSET,
        queue: UUID | str | Unset | None = UNSET,
        shortcut: str | Unset | None = UNSET,
        text: str | Unset | None = UNSET,
    ) -> models.ReplyAnswer:
        """Change a ready answer

        JSON Merge Patch (RFC 7396).

        if_match: The ETag of what you have seen
        queue: Of which queue it is; null: of all
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/replies/{in_path(reply_id)}",
            models.ReplyAnswer,
            headers={"If-Match": if_match},
            fields={"title": title, "queue": queue, "shortcut": shortcut, "text": text},
            is_keyed=True,
        )

    async def delete_reply(self, reply_id: UUID | str) -> None:
        """Delete a ready answer

        What was said with it stays as it was sent.
        """
        return await self._caller.call("DELETE", f"/v1/replies/{in_path(reply_id)}", None, is_keyed=True)

    async def render_reply(
        self,
        reply_id: UUID | str,
        *,
        conversation_id: str | None = None,
        customer_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        idempotency_key: str | None = None,
    ) -> models.FilledReply:
        """Fill in a ready answer for a customer

        Nothing is sent. `agent` is the person who asks, or `agentId`.
        """
        return await self._caller.call(
            "POST",
            f"/v1/replies/{in_path(reply_id)}/render",
            models.FilledReply,
            headers={"Idempotency-Key": idempotency_key},
            fields={"conversationId": conversation_id, "customerId": customer_id, "agentId": agent_id},
            is_keyed=True,
        )


class AsyncTemplatesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(
        self,
        *,
        name: str | None = None,
        language: str | None = None,
        status: str | None = None,
        category: str | None = None,
        number: str | None = None,
        business_account_id: str | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.TemplatePage:
        """Message templates, newest first

        As they were known last, with when that was: a listing that failed (`accounts[].error`) takes nothing away.

        They are listed anew every hour, and kept current by webhooks in between.

        name: How their names begin
        language: Such as en_US
        status: WhatsApp's word, such as APPROVED
        category: Such as UTILITY
        number: Of the account of this phone number id
        before: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            "/v1/templates",
            models.TemplatePage,
            query={
                "name": name,
                "language": language,
                "status": status,
                "category": category,
                "number": number,
                "businessAccountId": business_account_id,
                "before": before,
                "limit": limit,
            },
        )

    async def iterate(
        self,
        *,
        name: str | None = None,
        language: str | None = None,
        status: str | None = None,
        category: str | None = None,
        number: str | None = None,
        business_account_id: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.TemplateAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list(
                name=name,
                language=language,
                status=status,
                category=category,
                number=number,
                business_account_id=business_account_id,
                limit=page_size,
                before=before,
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def get(self, template_id: UUID | str) -> models.TemplateAnswer:
        """One message template, with its definition

        `components` is the definition as WhatsApp has it: which parameters a message needs is seen there.
        """
        return await self._caller.call("GET", f"/v1/templates/{in_path(template_id)}", models.TemplateAnswer)

    async def preview(
        self,
        template_id: UUID | str,
        *,
        components: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> models.TemplatePreviewAnswer:
        """See a message as the customer will

        With the parameters in their places; a currency and a date stand as their `fallback_value`. Nothing is sent.

        components: As `template.components` of a message, with WhatsApp's names or ours
        """
        return await self._caller.call(
            "POST",
            f"/v1/templates/{in_path(template_id)}/preview",
            models.TemplatePreviewAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"components": components},
            is_keyed=True,
        )

    async def sync(self, *, business_account_id: str | None = None, idempotency_key: str | None = None) -> models.SyncAnswer:
        """Ask WhatsApp for the templates now

        Each business account once, however many numbers it has. 200 whatever comes out: `error` tells what failed,
        and then all stays as it was known. A template that is listed no more becomes DELETED.

        business_account_id: One of the tenant's; null is all of them
        """
        return await self._caller.call(
            "POST",
            "/v1/templates/sync",
            models.SyncAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"businessAccountId": business_account_id},
            is_keyed=True,
        )


class AsyncMediaNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def upload(self, content: bytes | AsyncIterable[bytes], *, filename: str | None = None) -> models.UploadAnswer:
        """Upload a file, to send it

        The body is the file itself, of at most 100 MB, and no form. `Content-Type` says what it is; without one, or
        as application/octet-stream, its bytes and its name tell. It is answered when it is kept: then any of the
        tenant's numbers can send it, as often as it likes. The same file again is another file, so an Idempotency-Key
        is not looked at.

        filename: What a customer sees a document called, with its ending
        content: The file itself.
        """
        return await self._caller.call("POST", "/v1/media", models.UploadAnswer, query={"filename": filename}, content=content)

    async def get(self, media_id: UUID | str) -> models.MediaAnswer:
        """The file of a message, and where to load it

        A message names its file (`media.file_id`), which is fetched beside it: ask again while it is `waiting`.
        """
        return await self._caller.call("GET", f"/v1/media/{in_path(media_id)}", models.MediaAnswer)


class AsyncDeadLettersNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(
        self,
        *,
        status: Literal["open", "replayed", "discarded"] | None = None,
        reason: models.Reason | None = None,
        pipeline: models.Pipeline | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.DeadLetterPage:
        """What could not be used, newest first

        since: Created at this time or later
        until: Created before this time
        before: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            "/v1/dead-letters",
            models.DeadLetterPage,
            query={
                "status": status,
                "reason": reason,
                "pipeline": pipeline,
                "since": since,
                "until": until,
                "before": before,
                "limit": limit,
            },
        )

    async def iterate(
        self,
        *,
        status: Literal["open", "replayed", "discarded"] | None = None,
        reason: models.Reason | None = None,
        pipeline: models.Pipeline | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.DeadLetterAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list(
                status=status, reason=reason, pipeline=pipeline, since=since, until=until, limit=page_size, before=before
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def get(self, letter_id: UUID | str) -> models.DeadLetterAnswer:
        """One dead letter, with what happened to it so far

        Both payloads, how often it was replayed, what the last replay ended in, and who acted on it last.
        """
        return await self._caller.call("GET", f"/v1/dead-letters/{in_path(letter_id)}", models.DeadLetterAnswer)

    async def edit(self, letter_id: UUID | str, *, original_payload: Mapping[str, Any]) -> models.DeadLetterAnswer:
        """Mend the payload

        Only while it is open, and into something its pipeline can take. The original stays readable beside it.

        original_payload: The whole payload as it should have come
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/dead-letters/{in_path(letter_id)}",
            models.DeadLetterAnswer,
            fields={"originalPayload": original_payload},
            is_keyed=True,
        )

    async def replay(self, letter_id: UUID | str, *, idempotency_key: str | None = None) -> models.Replayed:
        """Run it through its pipeline again

        It goes to the end of its customer's order. However often it is asked for, it has one effect.
        """
        return await self._caller.call(
            "POST",
            f"/v1/dead-letters/{in_path(letter_id)}/replay",
            models.Replayed,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def discard(
        self, letter_id: UUID | str, *, note: str | None = None, idempotency_key: str | None = None
    ) -> models.Discarded:
        """Decide that it shall have no effect

        It stays as a record, with the note.
        """
        return await self._caller.call(
            "POST",
            f"/v1/dead-letters/{in_path(letter_id)}/discard",
            models.Discarded,
            headers={"Idempotency-Key": idempotency_key},
            fields={"note": note},
            is_keyed=True,
        )

    async def replay_many(
        self,
        *,
        ids: Sequence[UUID | str] | None = None,
        filter: models.Wanted | Mapping[str, Any] | None = None,
        limit: int | None = None,
        after: UUID | str | None = None,
        idempotency_key: str | None = None,
    ) -> models.BulkAnswer:
        """Replay many, 1,000 a call

        By `ids`, or by `filter`; oldest first, each with an outcome of its own. A failed one keeps no other back.

        After an answer that was lost, ask the same again: what was done is not done twice.

        after: The `next` of the answer before
        """
        return await self._caller.call(
            "POST",
            "/v1/dead-letters/replay",
            models.BulkAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "filter": filter, "limit": limit, "after": after},
            is_keyed=True,
        )

    async def discard_many(
        self,
        *,
        ids: Sequence[UUID | str] | None = None,
        filter: models.Wanted | Mapping[str, Any] | None = None,
        limit: int | None = None,
        after: UUID | str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.BulkAnswer:
        """Discard many, 1,000 a call

        By `ids`, or by `filter`; they stay as a record, with the note.

        after: The `next` of the answer before
        """
        return await self._caller.call(
            "POST",
            "/v1/dead-letters/discard",
            models.BulkAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "filter": filter, "limit": limit, "after": after, "note": note},
            is_keyed=True,
        )


class AsyncAuthNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def log_in(
        self, *, email: str, password: str, tenant: str | None = None, code: str | None = None
    ) -> models.LoginAnswer:
        """Log in

        A new session for 12 hours, over after 2 hours of rest. It comes as a token and as a cookie.

        tenant: Left out by who is a member of one alone
        """
        return await self._caller.call(
            "POST",
            "/v1/auth/login",
            models.LoginAnswer,
            fields={"email": email, "password": password, "tenant": tenant, "code": code},
        )

    async def log_out(self) -> None:
        """End this session"""
        return await self._caller.call("POST", "/v1/auth/logout", None)

    async def accept_invitation(self, *, token: str, password: str, name: str | None = None) -> models.Opened:
        """Accept an invitation"""
        return await self._caller.call(
            "POST", "/v1/auth/invitation", models.Opened, fields={"token": token, "password": password, "name": name}
        )

    async def redeem_reset(self, *, token: str, password: str) -> models.Opened:
        """Set a new password with a token

        Every session of the person ends. One-time codes stay as they are.

        password: 12 to 256 characters, not easily guessed
        """
        return await self._caller.call("POST", "/v1/auth/reset", models.Opened, fields={"token": token, "password": password})

    async def begin_sign_on(self, tenant: str, *, return_to: str | None = None) -> str:
        """Log in by the tenant's identity provider

        For a browser: it is sent to the provider, and comes back with a session. `return_to` is a path to end at.
        """
        return await self._caller.call("GET", f"/v1/auth/oidc/{in_path(tenant)}", "location", query={"return_to": return_to})

    async def finish_sign_on(
        self,
        tenant: str,
        *,
        state: str | None = None,
        code: str | None = None,
        error: str | None = None,
        iss: str | None = None,
    ) -> str:
        """Where the provider sends the browser

        Only in the browser that began the login, within ten minutes, once.
        """
        return await self._caller.call(
            "GET",
            f"/v1/auth/oidc/{in_path(tenant)}/callback",
            "location",
            query={"state": state, "code": code, "error": error, "iss": iss},
        )


class AsyncMeNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.MyselfAnswer:
        """Who I am, where, and what I may

        With the CSRF token that a page sends along with the session's cookie.
        """
        return await self._caller.call("GET", "/v1/me", models.MyselfAnswer)

    async def change_password(
        self, *, current_password: str, new_password: str, idempotency_key: str | None = None
    ) -> models.Revoked:
        """Change my password

        My other sessions end, in every tenant.

        new_password: 12 to 256 characters, not easily guessed
        """
        return await self._caller.call(
            "POST",
            "/v1/me/password",
            models.Revoked,
            headers={"Idempotency-Key": idempotency_key},
            fields={"currentPassword": current_password, "newPassword": new_password},
            is_keyed=True,
        )

    async def begin_totp(self, *, password: str, idempotency_key: str | None = None) -> models.TotpAnswer:
        """Begin with one-time codes

        They are asked for once `/v1/me/totp/confirm` took the first one.
        """
        return await self._caller.call(
            "POST",
            "/v1/me/totp",
            models.TotpAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"password": password},
            is_keyed=True,
        )

    async def remove_totp(self, *, password: str) -> None:
        """Switch one-time codes off"""
        return await self._caller.call("DELETE", "/v1/me/totp", None, fields={"password": password}, is_keyed=True)

    async def confirm_totp(self, *, code: str, idempotency_key: str | None = None) -> None:
        """Switch one-time codes on

        code: Six digits of the authenticator
        """
        return await self._caller.call(
            "POST",
            "/v1/me/totp/confirm",
            None,
            headers={"Idempotency-Key": idempotency_key},
            fields={"code": code},
            is_keyed=True,
        )

    async def list_sessions(self) -> models.SessionList:
        """Where I am logged in

        In this tenant.
        """
        return await self._caller.call("GET", "/v1/me/sessions", models.SessionList)

    async def end_session(self, session_id: UUID | str) -> None:
        """End one of my sessions"""
        return await self._caller.call("DELETE", f"/v1/me/sessions/{in_path(session_id)}", None, is_keyed=True)


class AsyncUsersNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, after: UUID | str | None = None, limit: int | None = None) -> models.UserPage:
        """The tenant's people, and who is invited

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/users", models.UserPage, query={"after": after, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.UserAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def invite(
        self, *, email: str, role: models.Role, name: str | None = None, idempotency_key: str | None = None
    ) -> models.InvitedAnswer:
        """Invite somebody

        Waystate sends no mail: hand the token over yourself. Inviting again ends the older token.
        """
        return await self._caller.call(
            "POST",
            "/v1/users",
            models.InvitedAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"email": email, "role": role, "name": name},
            is_keyed=True,
        )

    async def get(self, user_id: UUID | str) -> models.UserAnswer:
        """One person"""
        return await self._caller.call("GET", f"/v1/users/{in_path(user_id)}", models.UserAnswer)

    async def change(
        self,
        user_id: UUID | str,
        *,
        role: models.Role | Unset | None = UNSET,
        status: Literal["active", "disabled"] | Unset | None = UNSET,
        name: str | Unset | None = UNSET,
    ) -> models.UserAnswer:
        """Change role, status or name

        A role counts at once. Who is disabled has no session left and cannot log in, in any tenant.
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/users/{in_path(user_id)}",
            models.UserAnswer,
            fields={"role": role, "status": status, "name": name},
            is_keyed=True,
        )

    async def remove(self, user_id: UUID | str) -> None:
        """Remove somebody from the tenant

        An invitation as well. The account is deleted when no other tenant has it.
        """
        return await self._caller.call("DELETE", f"/v1/users/{in_path(user_id)}", None, is_keyed=True)

    async def reset(
        self, user_id: UUID | str, *, remove_totp: bool | None = None, idempotency_key: str | None = None
    ) -> models.ResetAnswer:
        """Let somebody set a new password

        Hand the token over yourself; it holds for an hour. The old password and the sessions hold until it is used.

        remove_totp: Also switch one-time codes off, for who lost the device
        """
        return await self._caller.call(
            "POST",
            f"/v1/users/{in_path(user_id)}/reset",
            models.ResetAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"removeTotp": remove_totp},
            is_keyed=True,
        )

    async def list_sessions(self, user_id: UUID | str) -> models.SessionList:
        """Where somebody is logged in

        In this tenant.
        """
        return await self._caller.call("GET", f"/v1/users/{in_path(user_id)}/sessions", models.SessionList)

    async def revoke_sessions(self, user_id: UUID | str) -> models.Revoked:
        """Log somebody out everywhere in this tenant"""
        return await self._caller.call("DELETE", f"/v1/users/{in_path(user_id)}/sessions", models.Revoked, is_keyed=True)


class AsyncColleaguesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self) -> models.ColleagueList:
        """Who works here

        Those who accepted and are not disabled, by name: to whom conversations can be passed, and who is who in them.
        """
        return await self._caller.call("GET", "/v1/colleagues", models.ColleagueList)


class AsyncKeysNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, before: UUID | str | None = None, limit: int | None = None) -> models.KeyPage:
        """The tenant's API keys, newest first

        With what each may do, who made it, when it was last used and when it ends. Never the key itself.

        before: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/keys", models.KeyPage, query={"before": before, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.KeyAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list(limit=page_size, before=before)
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def create(
        self,
        *,
        name: str,
        scopes: Sequence[
            Literal[
                "state:read",
                "state:write",
                "customers:read",
                "customers:write",
                "conversations:read",
                "conversations:write",
                "conversations:assign",
                "messages:read",
                "messages:send",
                "dead_letters:read",
                "dead_letters:write",
                "tenant:read",
                "tenant:write",
                "users:read",
                "users:write",
                "keys:read",
                "keys:write",
                "audit:read",
                "platform",
            ]
        ]
        | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> models.MadeKey:
        """Make an API key

        `key` in the answer is the key in clear: keep it now, it is kept nowhere else.

        name: Who or what will use it
        scopes: What it may do; none that you do not hold yourself
        expires_at: In the future; null is never
        """
        return await self._caller.call(
            "POST",
            "/v1/keys",
            models.MadeKey,
            headers={"Idempotency-Key": idempotency_key},
            fields={"name": name, "scopes": scopes, "expiresAt": expires_at},
            is_keyed=True,
        )

    async def get(self, key_id: UUID | str) -> models.KeyAnswer:
        """One API key, without the key itself"""
        return await self._caller.call("GET", f"/v1/keys/{in_path(key_id)}", models.KeyAnswer)

    async def revoke(self, key_id: UUID | str) -> models.KeyAnswer:
        """Revoke an API key

        Every process refuses it within a second. It stays in the list as a record; revoking it twice is no error.
        """
        return await self._caller.call("DELETE", f"/v1/keys/{in_path(key_id)}", models.KeyAnswer, is_keyed=True)

    async def rotate(
        self, key_id: UUID | str, *, overlap_seconds: int | None = None, idempotency_key: str | None = None
    ) -> models.MadeKey:
        """Put another key in its place

        A new key of the same name, scopes and length of life. The old one ends after the overlap, at the latest.

        overlap_seconds: How long the old key goes on; 0 ends it at once
        """
        return await self._caller.call(
            "POST",
            f"/v1/keys/{in_path(key_id)}/rotate",
            models.MadeKey,
            headers={"Idempotency-Key": idempotency_key},
            fields={"overlapSeconds": overlap_seconds},
            is_keyed=True,
        )


class AsyncCredentialNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.CredentialAnswer:
        """Whose credential this is, and what it may do

        For a program that is given a key: its tenant, its scopes, its end. It takes no scope. People ask GET /v1/me.
        """
        return await self._caller.call("GET", "/v1/credential", models.CredentialAnswer)


class AsyncAuditNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list_entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> models.AuditPage:
        """What was done, newest first

        action: `key.created`, or `key` for all of a noun
        actor: `operator`, or `user:{id}`
        subject: `key:{id}`, or `key` for all
        since: At this time or later
        until: Before this time
        before: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            "/v1/audit",
            models.AuditPage,
            query={
                "action": action,
                "actor": actor,
                "subject": subject,
                "since": since,
                "until": until,
                "before": before,
                "limit": limit,
            },
        )

    async def iterate_entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.AuditEntry]:
        """All that `list_entries` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list_entries(
                action=action, actor=actor, subject=subject, since=since, until=until, limit=page_size, before=before
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def verify(self, *, head: str | None = None) -> models.AuditVerdict:
        """Whether the record is whole

        Walks the whole chain of the tenant and tells the first place where it is broken.

        head: A `noted` of earlier: shows a cut-off end too
        """
        return await self._caller.call("GET", "/v1/audit/verify", models.AuditVerdict, query={"head": head})


class AsyncTenantNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.TenantAnswer:
        """The tenant, its settings and its quotas"""
        return await self._caller.call("GET", "/v1/tenant", models.TenantAnswer)

    async def change(
        self,
        *,
        name: str | Unset | None = UNSET,
        settings: models.TenantSettingsChanges | Mapping[str, Any] | Unset | None = UNSET,
    ) -> models.TenantAnswer:
        """Change its name or settings

        Quotas are the platform's to set.
        """
        return await self._caller.call(
            "PATCH", "/v1/tenant", models.TenantAnswer, fields={"name": name, "settings": settings}, is_keyed=True
        )

    async def list_whatsapp_accounts(self) -> models.WhatsAppAccountList:
        """Its WhatsApp numbers"""
        return await self._caller.call("GET", "/v1/tenant/whatsapp-accounts", models.WhatsAppAccountList)

    async def put_whatsapp_account(
        self,
        phone_number_id: str,
        *,
        display_phone_number: str,
        business_account_id: str,
        meta_app_id: str,
        access_token: str | None = None,
        limits: models.WhatsAppLimits | Mapping[str, Any] | None = None,
        genesys_integration: str | None = None,
        sender: Literal["waystate", "external"] | None = None,
        is_default: bool | None = None,
        is_active: bool | None = None,
    ) -> models.WhatsAppAccountAnswer:
        """Set a WhatsApp number up, or change it

        The whole account; only a secret that is left out stays as it is.

        access_token: Left out, the one that is stored stays. It is shown to nobody.
        genesys_integration: The id of the integration in Genesys that serves this number.
        """
        return await self._caller.call(
            "PUT",
            f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}",
            models.WhatsAppAccountAnswer,
            fields={
                "display_phone_number": display_phone_number,
                "business_account_id": business_account_id,
                "meta_app_id": meta_app_id,
                "access_token": access_token,
                "limits": limits,
                "genesys_integration": genesys_integration,
                "sender": sender,
                "is_default": is_default,
                "is_active": is_active,
            },
            is_keyed=True,
        )

    async def remove_whatsapp_account(self, phone_number_id: str) -> None:
        """Take a WhatsApp number off

        Its conversations and messages stay. What waits to be sent through it fails.
        """
        return await self._caller.call(
            "DELETE", f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}", None, is_keyed=True
        )

    async def list_genesys_integrations(self) -> models.GenesysIntegrationList:
        """Its Genesys integrations"""
        return await self._caller.call("GET", "/v1/tenant/genesys-integrations", models.GenesysIntegrationList)

    async def put_genesys_integration(
        self,
        integration_id: str,
        *,
        region: str,
        client_id: str,
        client_secret: str | None = None,
        webhook_secret: str | None = None,
        event_secret: str | None = None,
        limits: models.GenesysLimits | Mapping[str, Any] | None = None,
        sender: Literal["waystate", "external"] | None = None,
        receipts: Literal["all", "final", "failed", "none"] | None = None,
        prefetch_conversation_id: bool | None = None,
    ) -> models.GenesysIntegrationAnswer:
        """Set a Genesys integration up, or change it

        The whole integration; only a secret that is left out stays as it is.

        client_secret: Left out, the one that is stored stays; a new region takes it anew. It is shown to nobody.
        webhook_secret: At least 16 characters, the same as in Genesys. Left out, the one that is stored stays. It is
        shown to nobody.
        event_secret: At least 16 characters, which whoever tells of ends of conversations shows in a header. Left
        out, the one that is stored stays; without one nothing is taken there. It is shown to nobody.
        receipts: What Genesys is told of agents' messages, each for a request of the client's budget: `final`,
        whether it was delivered or failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`);
        `none`, nothing.
        prefetch_conversation_id: Genesys tells its conversation's id with each answer, which then takes longer.
        false: it is looked up afterwards.
        """
        return await self._caller.call(
            "PUT",
            f"/v1/tenant/genesys-integrations/{in_path(integration_id)}",
            models.GenesysIntegrationAnswer,
            fields={
                "region": region,
                "client_id": client_id,
                "client_secret": client_secret,
                "webhook_secret": webhook_secret,
                "event_secret": event_secret,
                "limits": limits,
                "sender": sender,
                "receipts": receipts,
                "prefetch_conversation_id": prefetch_conversation_id,
            },
            is_keyed=True,
        )

    async def remove_genesys_integration(self, integration_id: str) -> None:
        """Take a Genesys integration off

        Only one that no number uses: what its customers write would be passed on to nobody.
        """
        return await self._caller.call(
            "DELETE", f"/v1/tenant/genesys-integrations/{in_path(integration_id)}", None, is_keyed=True
        )

    async def check_whatsapp_account(self, phone_number_id: str, *, idempotency_key: str | None = None) -> models.CheckAnswer:
        """Ask WhatsApp whether it works

        200 whatever comes out: `ok` and `findings` tell.
        """
        return await self._caller.call(
            "POST",
            f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}/check",
            models.CheckAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def check_genesys_integration(self, integration_id: str, *, idempotency_key: str | None = None) -> models.CheckAnswer:
        """Ask Genesys whether it works

        200 whatever comes out: `ok` and `findings` tell.
        """
        return await self._caller.call(
            "POST",
            f"/v1/tenant/genesys-integrations/{in_path(integration_id)}/check",
            models.CheckAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def list_genesys_queues(self) -> models.GenesysQueueList:
        """What waits for Genesys, by OAuth client

        Genesys takes 300 requests a minute of a client, unless its support has raised that. Messages go before
        receipts.
        """
        return await self._caller.call("GET", "/v1/tenant/genesys-queues", models.GenesysQueueList)

    async def get_identity_provider(self) -> models.ProviderAnswer:
        """The identity provider, without its secret"""
        return await self._caller.call("GET", "/v1/tenant/identity-provider", models.ProviderAnswer)

    async def put_identity_provider(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        settings: models.ProviderSettings | Mapping[str, Any] | None = None,
    ) -> models.ProviderAnswer:
        """Let people log in by an OpenID Connect provider

        An owner's to decide: who runs the provider decides who anybody of this tenant is.

        Another issuer or client knows people by other names, so each is found by the e-mail address again.
        """
        return await self._caller.call(
            "PUT",
            "/v1/tenant/identity-provider",
            models.ProviderAnswer,
            fields={"issuer": issuer, "client_id": client_id, "client_secret": client_secret, "settings": settings},
            is_keyed=True,
        )

    async def delete_identity_provider(self) -> None:
        """No login by an identity provider any more

        People stay, and log in with their passwords; sessions go on until they end.
        """
        return await self._caller.call("DELETE", "/v1/tenant/identity-provider", None, is_keyed=True)


class AsyncAccountsNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list_events(
        self,
        *,
        number: str | None = None,
        business_account_id: str | None = None,
        field: str | None = None,
        severity: models.Severity | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.AccountEventPage:
        """What WhatsApp said of accounts and numbers, newest first

        Whatever Meta's webhooks bring beside messages, statuses and templates: restrictions, reviews, quality,
        limits, names, security, groups, and fields that nobody knows yet. Each is kept whole, once.

        number: Of this phone number id, or of its account
        field: WhatsApp's word, such as account_update
        severity: So severe, or more
        before: The `next` of the page before
        """
        return await self._caller.call(
            "GET",
            "/v1/accounts/events",
            models.AccountEventPage,
            query={
                "number": number,
                "businessAccountId": business_account_id,
                "field": field,
                "severity": severity,
                "before": before,
                "limit": limit,
            },
        )

    async def iterate_events(
        self,
        *,
        number: str | None = None,
        business_account_id: str | None = None,
        field: str | None = None,
        severity: models.Severity | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.AccountEventAnswer]:
        """All that `list_events` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list_events(
                number=number,
                business_account_id=business_account_id,
                field=field,
                severity=severity,
                limit=page_size,
                before=before,
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next


class AsyncPlatformNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list_tenants(self, *, after: str | None = None, limit: int | None = None) -> models.TenantPage:
        """All tenants, by id

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/platform/tenants", models.TenantPage, query={"after": after, "limit": limit})

    async def iterate_tenants(self, *, page_size: int | None = None) -> AsyncIterator[models.TenantAnswer]:
        """All that `list_tenants` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list_tenants(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def create_tenant(
        self,
        *,
        id: str,
        name: str,
        settings: models.TenantSettingsInput | Mapping[str, Any] | None = None,
        quotas: models.Quotas | Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> models.TenantAnswer:
        """Create a tenant

        id: 1 to 63 characters of a-z, 0-9 and '-', for good
        """
        return await self._caller.call(
            "POST",
            "/v1/platform/tenants",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"id": id, "name": name, "settings": settings, "quotas": quotas},
            is_keyed=True,
        )

    async def get_tenant(self, tenant_id: str) -> models.TenantAnswer:
        """One tenant"""
        return await self._caller.call("GET", f"/v1/platform/tenants/{in_path(tenant_id)}", models.TenantAnswer)

    async def change_tenant(
        self,
        tenant_id: str,
        *,
        name: str | Unset | None = UNSET,
        settings: models.TenantSettingsChanges | Mapping[str, Any] | Unset | None = UNSET,
        quotas: models.QuotasChanges | Mapping[str, Any] | Unset | None = UNSET,
    ) -> models.TenantAnswer:
        """Change its name, settings or quotas"""
        return await self._caller.call(
            "PATCH",
            f"/v1/platform/tenants/{in_path(tenant_id)}",
            models.TenantAnswer,
            fields={"name": name, "settings": settings, "quotas": quotas},
            is_keyed=True,
        )

    async def delete_tenant(self, tenant_id: str, *, confirm: str) -> models.DeletionAnswer:
        """Delete a suspended tenant with everything of it

        For good. One call works for some seconds: 202 says what is left, call again until 200 says `done`.

        From the first call on the tenant is gone for everybody, and its numbers are free.

        confirm: The tenant's id once more: this cannot be undone
        """
        return await self._caller.call(
            "DELETE",
            f"/v1/platform/tenants/{in_path(tenant_id)}",
            models.DeletionAnswer,
            fields={"confirm": confirm},
            is_keyed=True,
        )

    async def suspend_tenant(self, tenant_id: str, *, idempotency_key: str | None = None) -> models.TenantAnswer:
        """Let nobody in and send nothing, but lose nothing

        Everywhere within a second. Webhooks are answered and kept; what is to be sent waits until it is resumed.
        """
        return await self._caller.call(
            "POST",
            f"/v1/platform/tenants/{in_path(tenant_id)}/suspend",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def resume_tenant(self, tenant_id: str, *, idempotency_key: str | None = None) -> models.TenantAnswer:
        """Let it work again

        What waited goes out, in order for each customer.
        """
        return await self._caller.call(
            "POST",
            f"/v1/platform/tenants/{in_path(tenant_id)}/resume",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def list_meta_apps(self) -> models.MetaAppList:
        """The apps at Meta whose webhooks come here"""
        return await self._caller.call("GET", "/v1/platform/meta-apps", models.MetaAppList)

    async def put_meta_app(
        self, app_id: str, *, app_secret: str | None = None, verify_token: str | None = None
    ) -> models.MetaAppAnswer:
        """Set a Meta app up, or change its secrets

        A secret that is left out stays as it is.

        app_secret: Left out, the one that is stored stays. It is shown to nobody.
        verify_token: Left out, the one that is stored stays. It is shown to nobody.
        """
        return await self._caller.call(
            "PUT",
            f"/v1/platform/meta-apps/{in_path(app_id)}",
            models.MetaAppAnswer,
            fields={"app_secret": app_secret, "verify_token": verify_token},
            is_keyed=True,
        )

    async def list_webhooks(
        self,
        *,
        state: Literal["pending", "done", "rejected"] | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.WebhookPage:
        """Bodies from the platforms, newest first

        state: Left out: all
        before: The `next` of the page before
        """
        return await self._caller.call(
            "GET", "/v1/platform/webhooks", models.WebhookPage, query={"state": state, "before": before, "limit": limit}
        )

    async def iterate_webhooks(
        self, *, state: Literal["pending", "done", "rejected"] | None = None, page_size: int | None = None
    ) -> AsyncIterator[models.WebhookAnswer]:
        """All that `list_webhooks` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list_webhooks(state=state, limit=page_size, before=before)
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def replay_webhooks(
        self, *, ids: Sequence[UUID | str] | None = None, all: Literal[True] | None = None, idempotency_key: str | None = None
    ) -> models.WebhooksReplayed:
        """Put rejected bodies back to work

        In their old order. What had its effect before has none again; ids that are not rejected are left out.

        `all` goes in steps: should it be cut off, what was put back stays so, and asking again does the rest.
        """
        return await self._caller.call(
            "POST",
            "/v1/platform/webhooks/replay",
            models.WebhooksReplayed,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "all": all},
            is_keyed=True,
        )


class AsyncNouns:
    def __init__(self, caller: AsyncCaller) -> None:
        self.webhooks = AsyncWebhooksNoun(caller)
        self.health = AsyncHealthNoun(caller)
        self.metrics = AsyncMetricsNoun(caller)
        self.state = AsyncStateNoun(caller)
        self.messages = AsyncMessagesNoun(caller)
        self.conversations = AsyncConversationsNoun(caller)
        self.customers = AsyncCustomersNoun(caller)
        self.queues = AsyncQueuesNoun(caller)
        self.schedules = AsyncSchedulesNoun(caller)
        self.replies = AsyncRepliesNoun(caller)
        self.templates = AsyncTemplatesNoun(caller)
        self.media = AsyncMediaNoun(caller)
        self.dead_letters = AsyncDeadLettersNoun(caller)
        self.auth = AsyncAuthNoun(caller)
        self.me = AsyncMeNoun(caller)
        self.users = AsyncUsersNoun(caller)
        self.colleagues = AsyncColleaguesNoun(caller)
        self.keys = AsyncKeysNoun(caller)
        self.credential = AsyncCredentialNoun(caller)
        self.audit = AsyncAuditNoun(caller)
        self.tenant = AsyncTenantNoun(caller)
        self.accounts = AsyncAccountsNoun(caller)
        self.platform = AsyncPlatformNoun(caller)
