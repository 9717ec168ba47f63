"""Of `dead_letters`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models


class DeadLettersNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(
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
        return self._caller.call(
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

    def iterate(
        self,
        *,
        status: Literal["open", "replayed", "discarded"] | None = None,
        reason: models.Reason | None = None,
        pipeline: models.Pipeline | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.DeadLetterAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = self.list(
                status=status, reason=reason, pipeline=pipeline, since=since, until=until, limit=page_size, before=before
            )
            yield from page.items
            if not page.next:
                return
            before = page.next

    def get(self, letter_id: UUID | str) -> models.DeadLetterAnswer:
        """One dead letter, with what happened to it so far

        Both payloads, how often it was replayed, what the last replay ended in, and who acted on it last.
        """
        return self._caller.call("GET", f"/v1/dead-letters/{in_path(letter_id)}", models.DeadLetterAnswer)

    def edit(self, letter_id: UUID | str, *, original_payload: Mapping[str, Any]) -> models.DeadLetterAnswer:
        """Mend the payload

        Only while it is open, and into something its pipeline can take. The original stays readable beside it.

        original_payload: The whole payload as it should have come
        """
        return self._caller.call(
            "PATCH",
            f"/v1/dead-letters/{in_path(letter_id)}",
            models.DeadLetterAnswer,
            fields={"originalPayload": original_payload},
            is_keyed=True,
        )

    def replay(self, letter_id: UUID | str, *, idempotency_key: str | None = None) -> models.Replayed:
        """Run it through its pipeline again

        It goes to the end of its customer's order. However often it is asked for, it has one effect.
        """
        return self._caller.call(
            "POST",
            f"/v1/dead-letters/{in_path(letter_id)}/replay",
            models.Replayed,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def discard(
        self, letter_id: UUID | str, *, note: str | None = None, idempotency_key: str | None = None
    ) -> models.Discarded:
        """Decide that it shall have no effect

        It stays as a record, with the note.
        """
        return self._caller.call(
            "POST",
            f"/v1/dead-letters/{in_path(letter_id)}/discard",
            models.Discarded,
            headers={"Idempotency-Key": idempotency_key},
            fields={"note": note},
            is_keyed=True,
        )

    def replay_many(
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
        return self._caller.call(
            "POST",
            "/v1/dead-letters/replay",
            models.BulkAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "filter": filter, "limit": limit, "after": after},
            is_keyed=True,
        )

    def discard_many(
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
        return self._caller.call(
            "POST",
            "/v1/dead-letters/discard",
            models.BulkAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "filter": filter, "limit": limit, "after": after, "note": note},
            is_keyed=True,
        )
