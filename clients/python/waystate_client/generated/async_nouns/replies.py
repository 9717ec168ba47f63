"""Of `replies`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


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
