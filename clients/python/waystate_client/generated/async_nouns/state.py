"""Of `state`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


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
