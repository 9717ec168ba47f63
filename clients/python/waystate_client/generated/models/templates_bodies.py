"""Of `templates_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Any

from waystate_client.records import CamelRecord, Record

__all__ = ["SyncRequest", "TemplatePreviewRequest"]


class SyncRequest(CamelRecord):
    business_account_id: str | None = None
    """One of the tenant's; null is all of them"""


class TemplatePreviewRequest(Record):
    components: list[dict[str, Any]] | None = None
    """As `template.components` of a message, with WhatsApp's names or ours"""
