"""What the simulated WhatsApp tells beside messages, through the whole of Waystate: kept, told, and respected."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.credentials import bearing, key_with
from tests.acceptance.installation import BY_HAND, NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.principal import Scope

CUSTOMER = "15550100123"
TAKEN = "SELECT count(*) FROM webhook_ledger WHERE source = 'whatsapp'"
MARKETING = {
    "message_template_name": "welcome",
    "message_template_language": "en_US",
    "new_category": "MARKETING",
}


@pytest.fixture
async def place(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path, waba_id=f"waba-{NUMBER}", **BY_HAND) as installation:
            scopes = (Scope.MESSAGES_SEND, Scope.MESSAGES_READ, Scope.TENANT_READ, Scope.CONVERSATIONS_READ)
            installation.http.headers.update(bearing(await key_with(installation, TENANT, *scopes)))
            yield installation


async def simulate(place: Installation, path: str, body: Any, *, webhooks: int = 1) -> Any:
    """What the simulator answers, once so many webhooks have come of it and are worked."""
    assert place.far is not None
    before = await place.value(TAKEN)
    answer = await place.far.post(f"/simulator{path}", json=body)
    assert answer.status_code == 202, answer.text

    async def are_here() -> bool:
        return bool(await place.value(TAKEN) >= before + webhooks)

    await until(are_here)
    await place.settled()
    return answer.json()


async def tell(place: Installation, *changes: tuple[str, dict[str, Any]]) -> None:
    orders = [{"field": field, "value": value} for field, value in changes]
    await simulate(place, "/changes", orders, webhooks=len(orders))


async def write(place: Installation, text: str) -> None:
    await simulate(place, f"/customers/{CUSTOMER}/messages", {"text": text})


async def timeline(place: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await place.http.get("/v1/accounts/events")).json()["items"]
    return found


async def test_what_is_written_on_the_phone_is_told_with_the_customers_next_message(place: Installation) -> None:
    await write(place, "Is my cup ready?")
    echo = await simulate(place, f"/customers/{CUSTOMER}/echoes", {"text": "Yes, come by until 6"})
    await write(place, "On my way")
    told = await place.trace(echo["wamid"])
    assert (told["direction"], told["status"], told["deliveries"]) == ("outbound", "sent", [])
    assert "webhook of whatsapp" in str(told["hops"])
    requests = await place.rows("SELECT request FROM deliveries WHERE target = 'genesys' ORDER BY position")
    attributes = [each["request"]["channel"]["metadata"]["customAttributes"] for each in requests]
    assert [each.get("whatsapp_phone_app_reply") for each in attributes] == [None, "Yes, come by until 6"]
    assert await place.value("SELECT count(*) FROM conversations") == 1


async def test_a_history_comes_in_any_order_and_its_progress_is_shown(place: Installation) -> None:
    def chunk(order: int, progress: int) -> tuple[str, dict[str, Any]]:
        message = {"from": CUSTOMER, "id": f"wamid.past-{order}", "timestamp": str(1_780_000_000 + order), "type": "text"}
        thread = {"id": CUSTOMER, "messages": [message | {"text": {"body": f"said {order}"}}]}
        metadata = {"phase": 0, "chunk_order": order, "progress": progress}
        return "history", {"history": [{"metadata": metadata, "threads": [thread]}]}

    await tell(place, chunk(2, 100), chunk(1, 50), chunk(2, 100))
    rows = await place.rows("SELECT text FROM messages ORDER BY sent_at")
    assert [each["text"] for each in rows] == ["said 1", "said 2"]
    assert [each["sentence"].rpartition("; ")[2] for each in await timeline(place)] == ["50 % are sent.", "100 % are sent."]
    assert await place.value("SELECT count(*) FROM deliveries") == 0
    assert {each["type"] for each in await place.rows("SELECT type FROM events")} == {"account.changed"}


async def test_marketing_stops_and_resumes_by_the_customers_word(place: Installation) -> None:
    await place.http.post("/v1/templates/sync", json={})
    await tell(place, ("template_category_update", MARKETING))
    await write(place, "Hello")
    body = {"to": f"+{CUSTOMER}", "type": "template", "template": {"name": "welcome", "language": {"code": "en_US"}}}

    async def send() -> Any:
        answer = await place.http.post("/v1/messages", json=body)
        return answer.status_code, answer.json()

    def preference(word: str, at: int) -> tuple[str, dict[str, Any]]:
        said = {"wa_id": CUSTOMER, "category": "marketing_messages", "value": word, "timestamp": at}
        return "user_preferences", {"user_preferences": [said]}

    await tell(place, preference("stop", 1_790_000_000))
    status, refused = await send()
    assert (status, refused["code"]) == (409, "marketing_opted_out")
    conversation = await place.value("SELECT id::text FROM conversations")
    assert (await place.http.get(f"/v1/conversations/{conversation}")).json()["customer"]["marketing"] == "opted_out"
    await tell(place, preference("resume", 1_790_000_060))
    assert (await send())[0] == 202


async def test_calls_and_account_updates_are_told(place: Installation) -> None:
    call = {"id": "wacid.1", "from": CUSTOMER, "event": "connect", "direction": "USER_INITIATED", "timestamp": "1790000000"}
    await tell(
        place, ("calls", {"calls": [call]}), ("account_update", {"event": "ACCOUNT_RESTRICTION"}), ("group_new", {"a": 1})
    )
    assert [(each["field"], each["severity"]) for each in await timeline(place)] == [
        ("group_new", "info"),
        ("account_update", "critical"),
        ("calls", "info"),
    ]
    assert await place.value("SELECT count(*) FROM events WHERE type = 'call.reported'") == 1
    assert await place.value("SELECT count(*) FROM dead_letters") == 0
