"""Of `keys`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models


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
