"""`/v1/templates`: WhatsApp's message templates of the tenant's business accounts, and what a message of one will look like."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.errors import Conflict, Unprocessable
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.templates import store
from waystate.templates.bodies import (
    ACCOUNT_EXAMPLE,
    COMPONENTS_EXAMPLE,
    PREVIEW_EXAMPLE,
    TEMPLATE_EXAMPLE,
    SyncAnswer,
    SyncRequest,
    TemplateAnswer,
    TemplatePage,
    TemplatePreviewAnswer,
    TemplatePreviewRequest,
    render_account,
    render_synced,
    render_template,
)
from waystate.templates.check import check
from waystate.templates.preview import preview
from waystate.templates.store import TemplateFilter
from waystate.templates.sync import TemplateSyncs, accounts_named
from waystate.tenants.routing import Directory
from waystate.web.caller import Caller

_MISSING = {404: "The tenant has no template with this id"}
_NO_ACCOUNT = {404: "The tenant has no such number or business account"}


class TemplateRoutes:
    """Lists show the accounts that the tenant has now, and whatever is known of others no more."""

    def __init__(self, db: Database, directory: Directory, syncs: TemplateSyncs) -> None:
        self._db = db
        self._directory = directory
        self._syncs = syncs

    @Operation(
        "GET",
        "/v1/templates",
        Scope.MESSAGES_READ,
        tag="Templates",
        summary="Message templates, newest first",
        problems=_NO_ACCOUNT,
        example_answer={"items": [TEMPLATE_EXAMPLE], "next": None, "accounts": [ACCOUNT_EXAMPLE]},
    )
    async def list_templates(
        self,
        principal: Caller,
        name: Annotated[str | None, Query(max_length=512, description="How their names begin")] = None,
        language: Annotated[str | None, Query(max_length=35, description="Such as en_US")] = None,
        status: Annotated[str | None, Query(max_length=100, description="WhatsApp's word, such as APPROVED")] = None,
        category: Annotated[str | None, Query(max_length=100, description="Such as UTILITY")] = None,
        number: Annotated[str | None, Query(max_length=100, description="Of the account of this phone number id")] = None,
        businessAccountId: Annotated[str | None, Query(max_length=100)] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> TemplatePage:
        """As they were known last, with when that was: a listing that failed (`accounts[].error`) takes nothing away.

        They are listed anew every hour, and kept current by webhooks in between.
        """
        tenant = principal.tenant_id
        accounts = accounts_named(await self._directory.get_tenant(tenant), number, businessAccountId)
        language = language.replace("-", "_") if language else language
        given = {"prefix": name, "language": language, "status": status, "category": category}
        wanted = TemplateFilter(**{key: None if said is None else clean_text(said) for key, said in given.items()})
        async with self._db.tenant(tenant) as conn:
            found = await store.list_page(conn, tenant, accounts, wanted, before=before, batch=limit + 1)
            syncs = await store.list_syncs(conn, tenant, accounts)
        items = [render_template(each) for each in found[:limit]]
        return TemplatePage(
            items=items,
            next=items[-1].id if len(found) > limit else None,
            accounts=[render_account(each, syncs.get(each)) for each in accounts],
        )

    @Operation(
        "GET",
        "/v1/templates/{template_id}",
        Scope.MESSAGES_READ,
        tag="Templates",
        summary="One message template, with its definition",
        problems=_MISSING,
        example_answer=TEMPLATE_EXAMPLE,
    )
    async def get_template(self, template_id: UUID, principal: Caller) -> TemplateAnswer:
        """`components` is the definition as WhatsApp has it: which parameters a message needs is seen there."""
        async with self._db.tenant(principal.tenant_id) as conn:
            return render_template(await store.get(conn, principal.tenant_id, template_id))

    @Operation(
        "POST",
        "/v1/templates/{template_id}/preview",
        Scope.MESSAGES_READ,
        tag="Templates",
        summary="See a message as the customer will",
        is_body_optional=True,
        problems={
            **_MISSING,
            409: "Its definition is not known yet",
            422: "WhatsApp would refuse the message; `errors` says why, a sentence each",
        },
        example_body={"components": COMPONENTS_EXAMPLE},
        example_answer=PREVIEW_EXAMPLE,
        repeatable="it only looks",
    )
    async def preview_template(
        self, template_id: UUID, principal: Caller, body: TemplatePreviewRequest
    ) -> TemplatePreviewAnswer:
        """With the parameters in their places; a currency and a date stand as their `fallback_value`. Nothing is sent."""
        async with self._db.tenant(principal.tenant_id) as conn:
            template = await store.get(conn, principal.tenant_id, template_id)
        if problems := check(template, body.components):
            errors = [{"field": "components", "problem": each} for each in problems]
            raise Unprocessable("template_refused", " ".join(problems), errors=errors)
        if template.components is None:
            text = "Only a webhook has told of this template yet. POST /v1/templates/sync, then ask again."
            raise Conflict("template_not_listed", text)
        return TemplatePreviewAnswer(**preview(template, body.components))

    @Operation(
        "POST",
        "/v1/templates/sync",
        Scope.MESSAGES_SEND,
        tag="Templates",
        summary="Ask WhatsApp for the templates now",
        is_body_optional=True,
        problems=_NO_ACCOUNT,
        example_body={"businessAccountId": ACCOUNT_EXAMPLE["businessAccountId"]},
        example_answer={"accounts": [{**ACCOUNT_EXAMPLE, "found": 12, "added": 1, "changed": 2, "deleted": 0}]},
        repeatable="it writes down what WhatsApp has, however often",
    )
    async def sync_templates(self, principal: Caller, body: SyncRequest) -> SyncAnswer:
        """Each business account once, however many numbers it has. 200 whatever comes out: `error` tells what failed, and then
        all stays as it was known. A template that is listed no more becomes DELETED.
        """
        tenant = principal.tenant_id
        accounts = accounts_named(await self._directory.get_tenant_now(tenant), business_account_id=body.businessAccountId)
        results = await self._syncs.sync_many(tenant, accounts)
        async with self._db.tenant(tenant) as conn:
            return render_synced(results, await store.list_syncs(conn, tenant, accounts))
