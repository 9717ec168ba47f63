"""The customer windows that a transaction opens, and those whose end is told.

A window is 24 hours from the customer's newest sign: https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from waystate.conversations.model import CUSTOMER_WINDOW, Activity, OpenedConversation
from waystate.conversations.store import EndingWindow, Key, Window
from waystate.db.pool import Connection
from waystate.events.model import Event, WindowClosed, WindowExpiring, WindowOpened
from waystate.ids import TenantId
from waystate.planned import store as planned_store


def windows_of(opened: Mapping[Key, OpenedConversation], activity: Sequence[Activity]) -> list[Window]:
    """Returns the windows that `open_many` opened by this activity; seldom any, since most customers write more than once."""
    if not any(each.opened_from for each in opened.values()):
        return []
    written_from = {(row.phone_number_id, row.contact_id): row.wa_id for row in activity}
    return [
        Window(each.id, key[1], key[0], written_from.get(key), each.opened_from)
        for key, each in opened.items()
        if each.opened_from is not None
    ]


async def make_due(conn: Connection, tenant: TenantId, windows: Sequence[Window], now: datetime) -> Sequence[Window]:
    """What is held for the customers whose windows opened in this transaction is due with its commit."""
    if windows:
        await planned_store.make_due(conn, tenant, [(each.phone_number_id, each.contact_id) for each in windows], now)
    return windows


def told_of_opened(windows: Iterable[Window], now: datetime) -> list[Event]:
    return [
        WindowOpened(
            mapping_id=each.mapping_id,
            contact_id=each.contact_id,
            phone_number_id=each.phone_number_id,
            at=now,
            wa_id=each.wa_id,
            closes_at=each.window_from + CUSTOMER_WINDOW,
        )
        for each in windows
    ]


def told_of_ends(windows: Iterable[EndingWindow], now: datetime) -> list[Event]:
    """Returns what becomes known of windows that close within the hour, or have closed."""
    return [
        (WindowClosed if each.is_closed else WindowExpiring)(
            mapping_id=each.mapping_id,
            contact_id=each.contact_id,
            phone_number_id=each.phone_number_id,
            at=now,
            wa_id=each.wa_id,
            closes_at=each.window_from + CUSTOMER_WINDOW,
        )
        for each in windows
    ]
