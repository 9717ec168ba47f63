"""Of `queues`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class QueuesNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(self, *, after: str | None = None, limit: int | None = None) -> models.QueuePage:
        """Queues, by name

        With their members, whether they are open now, and how many open conversations are in each.

        after: The `next` of the page before
        """
        return self._caller.call("GET", "/v1/queues", models.QueuePage, query={"after": after, "limit": limit})

    def iterate(self, *, page_size: int | None = None) -> Iterator[models.QueueAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list(limit=page_size, after=after)
            yield from page.items
            if not page.next:
                return
            after = page.next

    def add(
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
        return self._caller.call(
            "POST",
            "/v1/queues",
            models.QueueAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"genesysQueue": genesys_queue, "schedule": schedule, "name": name, "members": members},
            is_keyed=True,
        )

    def get(self, queue_id: UUID | str) -> models.QueueAnswer:
        """A queue

        The `ETag` is of what may be edited: what waits in it changes it not.
        """
        return self._caller.call("GET", f"/v1/queues/{in_path(queue_id)}", models.QueueAnswer)

    def edit(
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
        return self._caller.call(
            "PATCH",
            f"/v1/queues/{in_path(queue_id)}",
            models.QueueAnswer,
            headers={"If-Match": if_match},
            fields={"genesysQueue": genesys_queue, "schedule": schedule, "name": name, "members": members},
            is_keyed=True,
        )

    def delete(self, queue_id: UUID | str, *, move_to: str | None = None) -> None:
        """Delete a queue

        Its ready answers go with it. Whose conversation it is, and who speaks in it, stays.

        move_to: Where its open conversations wait then: another queue's id, or `none`
        """
        return self._caller.call("DELETE", f"/v1/queues/{in_path(queue_id)}", None, query={"moveTo": move_to}, is_keyed=True)
