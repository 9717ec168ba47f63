"""Of `customers`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


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
