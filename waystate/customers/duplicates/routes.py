"""`/v1/customers/duplicates`: customers that may be one, for a person to say whether they are."""

from typing import Annotated

from fastapi import Query

from waystate.customers import store as customer_store
from waystate.customers.duplicates import store
from waystate.customers.duplicates.bodies import DUPLICATES_EXAMPLE, DuplicatePage, render_group
from waystate.customers.duplicates.model import Key, Likeness
from waystate.db.pool import Database
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors


class DuplicateRoutes:
    def __init__(self, db: Database, cursors: Cursors) -> None:
        self._db = db
        self._cursors = cursors

    @Operation(
        "GET",
        "/v1/customers/duplicates",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="Customers that may be one",
        example_answer=DUPLICATES_EXAMPLE,
    )
    async def list_duplicates(
        self,
        principal: Caller,
        by: Annotated[Likeness | None, Query(description="What they have in common; else any of these")] = None,
        after: After = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 20,
    ) -> DuplicatePage:
        """Suggestions, the surest first, a second or two behind what happens: the same phone in any spelling, e-mail, user
        name, or a full name that few others have. Who have several in common are shown once. Merge those who are one by
        `POST /v1/customers/{id}/merge`; a page may be shorter than `limit` and still have a `next`."""
        tenant = principal.tenant_id
        of = (tenant, "duplicate customers", by)
        behind = Key(by or Likeness.PHONE, "")
        if after is not None:
            kind, value = self._cursors.open(of, after)
            behind = Key(Likeness(kind), value)
        async with self._db.tenant(tenant) as conn:
            groups, last = await store.list_groups(
                conn, tenant, list(Likeness) if by is None else [by], behind=behind, batch=limit
            )
            ids = list(dict.fromkeys(each for group in groups for each in group.contacts))
            profiles = {each.id: each for each in await customer_store.find_many(conn, tenant, ids)}
        following = None if last is None else self._cursors.seal(of, [last.kind, last.value])
        return DuplicatePage(items=[render_group(each, profiles) for each in groups], next=following)
