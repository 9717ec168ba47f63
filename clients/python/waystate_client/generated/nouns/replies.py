"""Of `replies`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class RepliesNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(
        self, *, q: str | None = None, queue: str | None = None, after: str | None = None, limit: int | None = None
    ) -> models.ReplyPage:
        """Ready answers, by shortcut

        As somebody types: case, width and a `/` before it do not matter.

        q: How their shortcuts begin
        queue: Those of this queue and those of all; `none`: those of all alone
        after: The `next` of the page before
        """
        return self._caller.call(
            "GET", "/v1/replies", models.ReplyPage, query={"q": q, "queue": queue, "after": after, "limit": limit}
        )

    def iterate(
        self, *, q: str | None = None, queue: str | None = None, page_size: int | None = None
    ) -> Iterator[models.ReplyAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list(q=q, queue=queue, limit=page_size, after=after)
            yield from page.items
            if not page.next:
                return
            after = page.next

    def add_reply(
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
        return self._caller.call(
            "POST",
            "/v1/replies",
            models.ReplyAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"title": title, "queue": queue, "shortcut": shortcut, "text": text},
            is_keyed=True,
        )

    def get_reply(self, reply_id: UUID | str) -> models.ReplyAnswer:
        """A ready answer

        As it is written; what it says to a customer is rendered.
        """
        return self._caller.call("GET", f"/v1/replies/{in_path(reply_id)}", models.ReplyAnswer)

    def edit_reply(
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
        return self._caller.call(
            "PATCH",
            f"/v1/replies/{in_path(reply_id)}",
            models.ReplyAnswer,
            headers={"If-Match": if_match},
            fields={"title": title, "queue": queue, "shortcut": shortcut, "text": text},
            is_keyed=True,
        )

    def delete_reply(self, reply_id: UUID | str) -> None:
        """Delete a ready answer

        What was said with it stays as it was sent.
        """
        return self._caller.call("DELETE", f"/v1/replies/{in_path(reply_id)}", None, is_keyed=True)

    def render_reply(
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
        return self._caller.call(
            "POST",
            f"/v1/replies/{in_path(reply_id)}/render",
            models.FilledReply,
            headers={"Idempotency-Key": idempotency_key},
            fields={"conversationId": conversation_id, "customerId": customer_id, "agentId": agent_id},
            is_keyed=True,
        )
