"""`/v1/customers/…/merge` and `/merges`: two records of one person become one, and two again."""

from datetime import datetime
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.customers import store as customer_store
from waystate.customers.bodies import render_customer
from waystate.customers.edit import customer_not_found
from waystate.customers.merges import store
from waystate.customers.merges.bodies import (
    MERGE_EXAMPLE,
    MERGED_EXAMPLE,
    MERGED_ID,
    UNMERGED_EXAMPLE,
    MergeCustomer,
    MergedAnswer,
    MergePage,
    UnmergedAnswer,
    render_merge,
    render_merged,
)
from waystate.customers.merges.merge import CustomerMerges
from waystate.customers.model import EVER
from waystate.db.pool import Database
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit

_LAST_ID = UUID(int=2**128 - 1)


class MergeRoutes:
    def __init__(self, db: Database, merges: CustomerMerges, cursors: Cursors) -> None:
        self._db = db
        self._merges = merges
        self._cursors = cursors

    @Operation(
        "POST",
        "/v1/customers/{customer_id}/merge",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Merge another record of this customer into them",
        problems={404: "The tenant has no such customer", 422: "Both ids are one customer, or one is a WhatsApp group"},
        example_body={"from": MERGED_ID},
        example_answer=MERGED_EXAMPLE,
        repeatable="two who are one already stay so",
    )
    async def merge_customer(self, customer_id: UUID, principal: Caller, body: MergeCustomer) -> MergedAnswer:
        """All that is the other's is theirs: ids, conversations, tags, what waits to be sent. Of a field that both have, theirs
        stands; an opt-out of either holds. Of two open conversations on one number the one in which the customer wrote last
        goes on. The other's id leads here from then on."""
        record, profile = await self._merges.merge(principal.tenant_id, customer_id, body.source, actor_of(principal))
        return render_merged(record, profile)

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/merges",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="Which records turned out to be this customer",
        problems={404: "The tenant has no such customer"},
        example_answer={"items": [MERGE_EXAMPLE], "next": None},
    )
    async def list_customer_merges(
        self,
        customer_id: UUID,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> MergePage:
        """By hand, and by what messages proved; each can be undone."""
        tenant = principal.tenant_id
        of = (tenant, "customer merges", str(customer_id))
        before, before_id = EVER, _LAST_ID
        if after is not None:
            told = self._cursors.open(of, after)
            before, before_id = datetime.fromisoformat(told[0]), UUID(told[1])
        async with self._db.tenant(tenant) as conn:
            contact_id = (await contact_store.find_survivors(conn, tenant, [customer_id])).get(customer_id, customer_id)
            if not await customer_store.find_many(conn, tenant, [contact_id]):
                raise customer_not_found(customer_id)
            found = await store.list_of_contact(conn, tenant, contact_id, before=before, before_id=before_id, batch=limit + 1)
        following = self._cursors.seal_next(of, found, limit, lambda each: [each.merged_at.isoformat(), str(each.id)])
        return MergePage(items=[render_merge(each) for each in found[:limit]], next=following)

    @Operation(
        "POST",
        "/v1/customers/merges/{merge_id}/undo",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Undo a merge",
        problems={
            404: "The tenant has no such merge, or it was undone",
            409: "One of them would have two open conversations on a number; `conversations` names these",
        },
        example_answer=UNMERGED_EXAMPLE,
    )
    async def undo_merge(self, merge_id: UUID, principal: Caller) -> UnmergedAnswer:
        """The merged customer is one of their own again, by the id they had. What came from their phone or user id since the
        merge, and what was sent there, goes with them; what somebody edited since stays where it was edited."""
        done = await self._merges.undo(principal.tenant_id, merge_id, actor_of(principal))
        return UnmergedAnswer(
            restored=render_customer(done.restored),
            customer=render_customer(done.other),
            conversations=list(done.conversations),
            reopened=list(done.reopened),
            movedMessages=done.moved,
        )
