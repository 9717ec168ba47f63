"""`/v1/accounts/events`: what WhatsApp said of the tenant's business accounts and numbers as such."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from waystate.account_events import store
from waystate.account_events.bodies import EVENT_EXAMPLE, AccountEventPage, render_account_event
from waystate.account_events.model import AccountFilter
from waystate.channels.model import Severity
from waystate.db.pool import Database
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.tenants.routing import Directory
from waystate.web.caller import Caller


class AccountEventRoutes:
    """What was said of a number stays, also when the tenant has the number no more."""

    def __init__(self, db: Database, directory: Directory) -> None:
        self._db = db
        self._directory = directory

    @Operation(
        "GET",
        "/v1/accounts/events",
        Scope.TENANT_READ,
        tag="Tenant",
        summary="What WhatsApp said of accounts and numbers, newest first",
        example_answer={"items": [EVENT_EXAMPLE], "next": None},
    )
    async def list_account_events(
        self,
        principal: Caller,
        number: Annotated[str | None, Query(max_length=100, description="Of this phone number id, or of its account")] = None,
        businessAccountId: Annotated[str | None, Query(max_length=100)] = None,
        field: Annotated[str | None, Query(max_length=100, description="WhatsApp's word, such as account_update")] = None,
        severity: Annotated[Severity | None, Query(description="So severe, or more")] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> AccountEventPage:
        """Whatever Meta's webhooks bring beside messages, statuses and templates: restrictions, reviews, quality, limits,
        names, security, groups, and fields that nobody knows yet. Each is kept whole, once.
        """
        tenant = principal.tenant_id
        accounts = (await self._directory.get_tenant(tenant)).accounts
        known = accounts.get(number) if number is not None else None
        account = known.business_account_id if known is not None else None
        wanted = AccountFilter(number, businessAccountId, field, severity)
        async with self._db.tenant(tenant) as conn:
            found = await store.list_page(conn, tenant, wanted, account_of_number=account, before=before, batch=limit + 1)
        items = [render_account_event(each) for each in found[:limit]]
        return AccountEventPage(items=items, next=items[-1].id if len(found) > limit else None)
