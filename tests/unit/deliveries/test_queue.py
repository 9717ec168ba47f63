"""What waits for Genesys, by OAuth client."""

from datetime import UTC, datetime, timedelta

from tests.unit.deliveries.test_oauth_clients import ACME, GLOBEX, integration
from waystate.deliveries.model import Target, WaitingRequests
from waystate.deliveries.queue import Backlog, queues_of
from waystate.deliveries.queue_routes import render_queue
from waystate.ids import TenantId

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def waiting(tenant: TenantId, account: str, target: Target, items: int, age: float) -> WaitingRequests:
    return WaitingRequests(tenant, account, target, items, NOW - timedelta(seconds=age))


def test_what_integrations_and_tenants_of_a_client_wait_for_is_one_queue() -> None:
    integrations = {
        ACME: [integration("a"), integration("b", limit=600), integration("c", "client-2", limit=60)],
        GLOBEX: [integration("d")],
    }
    queues = queues_of(
        integrations,
        [
            waiting(ACME, "a", Target.GENESYS, 100, 20),
            waiting(ACME, "b", Target.GENESYS_FILE, 20, 30),
            waiting(GLOBEX, "d", Target.GENESYS_RECEIPT, 30, 50),
            waiting(GLOBEX, "gone", Target.GENESYS, 1000, 500),
        ],
    )
    first, second = queues
    assert (first.client[1], first.integrations, first.requests_per_minute) == ("client-1", ("a", "b", "d"), 300)
    assert first.backlogs == {
        "messages": Backlog(120, NOW - timedelta(seconds=30)),
        "receipts": Backlog(30, NOW - timedelta(seconds=50)),
    }
    assert (first.waiting, first.oldest_at) == (150, NOW - timedelta(seconds=50))
    assert first.done_in == timedelta(seconds=30)
    assert (second.waiting, second.oldest_at, second.done_in) == (0, None, timedelta(0))


def test_a_queue_is_shown_with_its_age_and_an_empty_one_without() -> None:
    full, empty = queues_of(
        {ACME: [integration("a"), integration("c", "client-2")]}, [waiting(ACME, "a", Target.GENESYS_LOOKUP, 3, 12.34)]
    )
    shown = render_queue(full, NOW)
    assert (shown.waiting, shown.oldest_seconds, shown.done_in_seconds) == (3, 12.3, 0.6)
    assert (shown.lookups.waiting, shown.messages.waiting) == (3, 0)
    assert render_queue(empty, NOW).model_dump() == {
        "client_id": "client-2",
        "login_url": "https://login.mypurecloud.de",
        "integrations": ["c"],
        "requests_per_minute": 300,
        "waiting": 0,
        "oldest_at": None,
        "oldest_seconds": 0.0,
        "done_in_seconds": 0.0,
        "messages": {"waiting": 0, "oldest_at": None},
        "receipts": {"waiting": 0, "oldest_at": None},
        "lookups": {"waiting": 0, "oldest_at": None},
    }
