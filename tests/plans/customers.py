"""What the customers' store passes for a batch, or a page, by `domain.query`."""

from typing import Any
from uuid import UUID

from tests.plans.stock import BATCH, Stock
from waystate.customers.model import EVER, NEVER

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


def customer_statements(stock: Stock) -> dict[str, dict[str, Any]]:
    now, times, wamids = stock.now, [stock.now] * BATCH, stock.wamids
    one = stock.contacts[0] if stock.contacts else FIRST
    page: dict[str, Any] = {"direction": None, "type": None, "batch": BATCH}
    seen: dict[str, Any] = {"viewer": FIRST, "queues": [FIRST]}
    indexed = {
        "contact_ids": stock.contacts, "names": ["x"] * BATCH, "words": ["x"] * BATCH, "created_at": times,
        "last_activity_at": times, "last_message_at": times, "message_counts": [1] * BATCH,
    }  # fmt: skip
    profile: dict[str, Any] = dict.fromkeys(("email", "phone_number", "username", "language", "profile_picture_url"), None) | {
        "id": one,
        "name": "x",
        "is_named_by_hand": True,
        "tags": [],
        "preferences": "{}",
        "metadata": "{}",
        "now": now,
    }
    among = {
        "ids": stock.contacts, "words": None, "tags": ["vip"], "active_since": NEVER, "active_until": EVER,
        "created_since": NEVER, "created_until": EVER, "is_open": None, "phone_number_id": None, "now": now,
    }  # fmt: skip
    return {
        "customers.list_profiles": {"ids": stock.contacts},
        "customers.count_messages": {"ids": stock.contacts},
        "customers.index_many": indexed,
        "customers.drop_from_index": {"ids": stock.contacts},
        "customers.list_ids": {"after": one, "batch": BATCH},
        "customers.find_by_tag": {"tag": "vip", "most": BATCH},
        "customers.find_open": {"most": BATCH},
        "customers.find_by_number": {"phone_number_id": "1002", "most": BATCH},
        "customers.list_among": among,
        "customers.lock_profile": {"id": one},
        "customers.edit_profile": profile,
        "customers.tag_many": {"ids": stock.contacts, "tags": ["vip"], "now": now},
        "customers.untag_many": {"ids": stock.contacts, "tags": ["vip"], "now": now},
        "customers.list_conversations": {"contact_id": one, "before": LAST, "batch": BATCH} | seen,
        "customers.find_context": {"id": one, "now": now, "number": None} | seen,
        "customers.list_heads": {"contact_id": one, "skip": 0, "batch": BATCH} | seen,
        "customers.list_messages": page | {"ids": stock.conversations, "before": now, "before_id": LAST},
        "customers.list_newer_messages": page | {"contact_id": one, "after": now, "after_id": FIRST} | seen,
        "messages.list_latest": {"contact_id": one, "batch": BATCH} | seen,
        "messages.list_by_ids": {"ids": stock.messages},
        "messages.list_amends": {"wamids": wamids, "owners": stock.contacts},
    }


def customer_pages(stock: Stock) -> dict[str, tuple[str, dict[str, Any]]]:
    """With the index whose order each one has."""
    every: dict[str, Any] = {"words": None, "tags": [], "most": 51, "skip": 0, "batch": 51}
    talks = {"is_open": None, "phone_number_id": None, "now": stock.now}
    late: dict[str, Any] = {"value": EVER, "contact_id": LAST}
    return {
        "customers.list_by_activity": ("contact_index_activity", every | talks | late | {"since": NEVER}),
        "customers.list_by_created": ("contact_index_created", every | late | {"since": NEVER}),
        "customers.list_by_name": ("contact_index_name", every | {"value": "", "contact_id": FIRST}),
        "customers.list_by_messages": ("contact_index_messages", every | {"value": 2**63 - 1, "contact_id": LAST}),
    }
