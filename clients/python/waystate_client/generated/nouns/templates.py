"""Of `templates`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models


class TemplatesNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        name: str | None = None,
        language: str | None = None,
        status: str | None = None,
        category: str | None = None,
        number: str | None = None,
        business_account_id: str | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.TemplatePage:
        """Message templates, newest first

        As they were known last, with when that was: a listing that failed (`accounts[].error`) takes nothing away.

        They are listed anew every hour, and kept current by webhooks in between.

        name: How their names begin
        language: Such as en_US
        status: WhatsApp's word, such as APPROVED
        category: Such as UTILITY
        number: Of the account of this phone number id
        before: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            "/v1/templates",
            models.TemplatePage,
            query={
                "name": name,
                "language": language,
                "status": status,
                "category": category,
                "number": number,
                "businessAccountId": business_account_id,
                "before": before,
                "limit": limit,
            },
        )

    def iterate(
        self,
        *,
        name: str | None = None,
        language: str | None = None,
        status: str | None = None,
        category: str | None = None,
        number: str | None = None,
        business_account_id: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.TemplateAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = self.list(
                name=name,
                language=language,
                status=status,
                category=category,
                number=number,
                business_account_id=business_account_id,
                limit=page_size,
                before=before,
            )
            yield from page.items
            if not page.next:
                return
            before = page.next

    def get(self, template_id: UUID | str) -> models.TemplateAnswer:
        """One message template, with its definition

        `components` is the definition as WhatsApp has it: which parameters a message needs is seen there.
        """
        return self._caller.call("GET", f"/v1/templates/{in_path(template_id)}", models.TemplateAnswer)

    def preview(
        self,
        template_id: UUID | str,
        *,
        components: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> models.TemplatePreviewAnswer:
        """See a message as the customer will

        With the parameters in their places; a currency and a date stand as their `fallback_value`. Nothing is sent.

        components: As `template.components` of a message, with WhatsApp's names or ours
        """
        return self._caller.call(
            "POST",
            f"/v1/templates/{in_path(template_id)}/preview",
            models.TemplatePreviewAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"components": components},
            is_keyed=True,
        )

    def sync(self, *, business_account_id: str | None = None, idempotency_key: str | None = None) -> models.SyncAnswer:
        """Ask WhatsApp for the templates now

        Each business account once, however many numbers it has. 200 whatever comes out: `error` tells what failed,
        and then all stays as it was known. A template that is listed no more becomes DELETED.

        business_account_id: One of the tenant's; null is all of them
        """
        return self._caller.call(
            "POST",
            "/v1/templates/sync",
            models.SyncAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"businessAccountId": business_account_id},
            is_keyed=True,
        )
