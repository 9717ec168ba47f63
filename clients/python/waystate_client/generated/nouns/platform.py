"""Of `platform`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class PlatformNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list_tenants(self, *, after: str | None = None, limit: int | None = None) -> models.TenantPage:
        """All tenants, by id

        after: The `next` of the page before
        """
        return self._caller.call("GET", "/v1/platform/tenants", models.TenantPage, query={"after": after, "limit": limit})

    def iterate_tenants(self, *, page_size: int | None = None) -> Iterator[models.TenantAnswer]:
        """All that `list_tenants` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = self.list_tenants(limit=page_size, after=after)
            yield from page.items
            if not page.next:
                return
            after = page.next

    def create_tenant(
        self,
        *,
        id: str,
        name: str,
        settings: models.TenantSettingsInput | Mapping[str, Any] | None = None,
        quotas: models.Quotas | Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> models.TenantAnswer:
        """Create a tenant

        id: 1 to 63 characters of a-z, 0-9 and '-', for good
        """
        return self._caller.call(
            "POST",
            "/v1/platform/tenants",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"id": id, "name": name, "settings": settings, "quotas": quotas},
            is_keyed=True,
        )

    def get_tenant(self, tenant_id: str) -> models.TenantAnswer:
        """One tenant"""
        return self._caller.call("GET", f"/v1/platform/tenants/{in_path(tenant_id)}", models.TenantAnswer)

    def change_tenant(
        self,
        tenant_id: str,
        *,
        name: str | Unset | None = UNSET,
        settings: models.TenantSettingsChanges | Mapping[str, Any] | Unset | None = UNSET,
        quotas: models.QuotasChanges | Mapping[str, Any] | Unset | None = UNSET,
    ) -> models.TenantAnswer:
        """Change its name, settings or quotas"""
        return self._caller.call(
            "PATCH",
            f"/v1/platform/tenants/{in_path(tenant_id)}",
            models.TenantAnswer,
            fields={"name": name, "settings": settings, "quotas": quotas},
            is_keyed=True,
        )

    def delete_tenant(self, tenant_id: str, *, confirm: str) -> models.DeletionAnswer:
        """Delete a suspended tenant with everything of it

        For good. One call works for some seconds: 202 says what is left, call again until 200 says `done`.

        From the first call on the tenant is gone for everybody, and its numbers are free.

        confirm: The tenant's id once more: this cannot be undone
        """
        return self._caller.call(
            "DELETE",
            f"/v1/platform/tenants/{in_path(tenant_id)}",
            models.DeletionAnswer,
            fields={"confirm": confirm},
            is_keyed=True,
        )

    def suspend_tenant(self, tenant_id: str, *, idempotency_key: str | None = None) -> models.TenantAnswer:
        """Let nobody in and send nothing, but lose nothing

        Everywhere within a second. Webhooks are answered and kept; what is to be sent waits until it is resumed.
        """
        return self._caller.call(
            "POST",
            f"/v1/platform/tenants/{in_path(tenant_id)}/suspend",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def resume_tenant(self, tenant_id: str, *, idempotency_key: str | None = None) -> models.TenantAnswer:
        """Let it work again

        What waited goes out, in order for each customer.
        """
        return self._caller.call(
            "POST",
            f"/v1/platform/tenants/{in_path(tenant_id)}/resume",
            models.TenantAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    def list_meta_apps(self) -> models.MetaAppList:
        """The apps at Meta whose webhooks come here"""
        return self._caller.call("GET", "/v1/platform/meta-apps", models.MetaAppList)

    def put_meta_app(
        self, app_id: str, *, app_secret: str | None = None, verify_token: str | None = None
    ) -> models.MetaAppAnswer:
        """Set a Meta app up, or change its secrets

        A secret that is left out stays as it is.

        app_secret: Left out, the one that is stored stays. It is shown to nobody.
        verify_token: Left out, the one that is stored stays. It is shown to nobody.
        """
        return self._caller.call(
            "PUT",
            f"/v1/platform/meta-apps/{in_path(app_id)}",
            models.MetaAppAnswer,
            fields={"app_secret": app_secret, "verify_token": verify_token},
            is_keyed=True,
        )

    def list_webhooks(
        self,
        *,
        state: Literal["pending", "done", "rejected"] | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.WebhookPage:
        """Bodies from the platforms, newest first

        state: Left out: all
        before: The `next` of the page before
        """
        return self._caller.call(
            "GET", "/v1/platform/webhooks", models.WebhookPage, query={"state": state, "before": before, "limit": limit}
        )

    def iterate_webhooks(
        self, *, state: Literal["pending", "done", "rejected"] | None = None, page_size: int | None = None
    ) -> Iterator[models.WebhookAnswer]:
        """All that `list_webhooks` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = self.list_webhooks(state=state, limit=page_size, before=before)
            yield from page.items
            if not page.next:
                return
            before = page.next

    def replay_webhooks(
        self, *, ids: Sequence[UUID | str] | None = None, all: Literal[True] | None = None, idempotency_key: str | None = None
    ) -> models.WebhooksReplayed:
        """Put rejected bodies back to work

        In their old order. What had its effect before has none again; ids that are not rejected are left out.

        `all` goes in steps: should it be cut off, what was put back stays so, and asking again does the rest.
        """
        return self._caller.call(
            "POST",
            "/v1/platform/webhooks/replay",
            models.WebhooksReplayed,
            headers={"Idempotency-Key": idempotency_key},
            fields={"ids": ids, "all": all},
            is_keyed=True,
        )
