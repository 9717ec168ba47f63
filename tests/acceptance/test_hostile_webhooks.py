"""Signed webhooks that say what nobody can use: kept byte for byte with a reason, and the next good one still works."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from tests.acceptance.installation import (
    MASTER_KEY,
    Installation,
    customer_message,
    envelope,
    installed,
    rendered,
)
from tests.acceptance.terminal import run_and_wait
from tests.databases import Databases
from waystate.tenants.model import MetaApp

OTHER = MetaApp(id="app-2", app_secret="other-secret", verify_token="other-token")
LIMIT = 4 * 2**20
ENDLESS = Random(1).randbytes(6000).hex()
"""Too long for any index, and not compressible."""


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        home = tmp_path_factory.mktemp("home")
        async with installed(url, home) as installation:
            await installation.add_app(OTHER)
            await installation.add_tenant(sender="external", genesys_sender="external")
            yield installation


def waystate(place: Installation, *arguments: str) -> str:
    """What the operator reads."""
    config = place.app.config
    environment = {"DATABASE_URL": config.database_url or "", "WAYSTATE_HOME": str(config.home), "COLUMNS": "500"}
    code, output, errors = run_and_wait(environment | {"WAYSTATE_MASTER_KEY": MASTER_KEY}, *arguments)
    assert code == 0, errors
    return output


def whatsapp(wamid: str, **fields: Any) -> bytes:
    return rendered(envelope(customer_message(wamid, "15550100001", **fields)))


BODY = whatsapp("wamid.odd")


async def test_webhook_of_an_unknown_number_waits_in_the_ledger_until_its_number_is_set_up(
    place: Installation,
) -> None:
    body = rendered(envelope(customer_message("wamid.early-bird", "15550100002", "Is anybody there?"), number="555000111"))
    assert (await place.post_meta(body)).status_code == 200
    row = await rejected(place, body, "unknown_tenant")
    assert "number 555000111" in row["outcome"]["message"]
    listed = waystate(place, "ledger", "list", "--rejected")
    assert str(row["id"]) in listed
    assert "unknown_tenant: No tenant is configured for number 555000111" in listed
    assert (await place.http.get("/v1/messages/wamid.early-bird/trace", headers={"x-tenant-id": "acme"})).status_code == 404

    assert "1 of 1 put back to work." in waystate(place, "ledger", "replay", str(row["id"]))
    await place.settled()
    await rejected(place, body, "unknown_tenant")
    await place.add_tenant("later", number="555000111", integration=None, sender="external")
    await place.settled()
    assert (await place.trace("wamid.early-bird", tenant="later"))["text"] == "Is anybody there?"
    assert str(row["id"]) not in waystate(place, "ledger", "list", "--rejected")
    assert "0 of 1 put back to work." in waystate(place, "ledger", "replay", str(row["id"]))


async def test_number_of_another_app_is_not_believed(place: Installation) -> None:
    body = whatsapp("wamid.of-another-app")
    assert (await place.post_meta(body, app=OTHER)).status_code == 200
    row = await rejected(place, body, "unknown_tenant")
    assert "not configured under Meta app app-2" in row["outcome"]["message"]
    assert await place.value("SELECT count(*) FROM message_keys WHERE external_id = 'wamid.of-another-app'") == 0


async def test_batch_that_is_half_unknown_is_used_where_it_can_be(place: Installation) -> None:
    known, unknown = (
        envelope(customer_message("wamid.known", "15550100003")),
        envelope(customer_message("wamid.unknown", "15550100003"), number="555000222"),
    )
    body = rendered({**known, "entry": known["entry"] + unknown["entry"]})
    assert (await place.post_meta(body)).status_code == 200
    await rejected(place, body, "unknown_tenant")
    assert (await place.trace("wamid.known"))["status"] == "received"


async def rejected(place: Installation, body: bytes, reason: str) -> dict[str, Any]:
    await place.settled()
    rows = await place.rows("SELECT * FROM webhook_ledger WHERE body = $1 AND state = 'rejected'", body)
    assert [row["outcome"]["reason"] for row in rows] == [reason]
    return rows[0]


UNREADABLE = {
    "nothing": b"",
    "blanks": b"  \n ",
    "a word": b"hello",
    "binary": bytes(reversed(range(256))),
    "cut off": BODY[:-7],
    "two documents": BODY + BODY,
    "not UTF-8": BODY.replace(b"Hello", b"\xff\xfe"),
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "neither entry nor value": b'{"object":"whatsapp_business_account"}',
    "nested a hundred thousand deep": b'{"entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested in objects": b'{"entry":' * 50_000 + b"1" + b"}" * 50_000,
    "a comment": b"{} // " + BODY,
    "a trailing comma": b'{"entry":[],}',
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_signed_body_that_cannot_be_read_is_kept_whole_with_a_reason_and_the_next_one_works(
    place: Installation, name: str
) -> None:
    body = UNREADABLE[name]
    assert (await place.post_meta(body)).status_code == 200
    row = await rejected(place, body, "invalid_payload")
    message = row["outcome"]["message"]
    assert message.startswith("The body cannot be read: ")
    assert len(message) < 300
    assert row["body"] == body
    wamid = f"wamid.after-{name}"
    assert (await place.post_meta(whatsapp(wamid))).status_code == 200
    await place.settled()
    assert (await place.trace(wamid))["status"] == "received"


LONG = "9" * 5000
USABLE = {
    "NUL in the text": (BODY.replace(b"Hello", b"a\\u0000b"), "a\ufffdb"),
    "lone surrogate": (BODY.replace(b"Hello", b"a\\ud800b"), "a\ufffdb"),
    "reversed surrogates": (BODY.replace(b"Hello", b"\\ude00\\ud83d"), "\ufffd\ufffd"),
    "paired surrogates": (BODY.replace(b"Hello", b"\\ud83d\\ude00"), "\U0001f600"),
    "NaN beside the message": (BODY.replace(b'"field"', b'"pace":NaN,"field"'), "Hello"),
    "NaN as timestamp": (BODY.replace(b'"1790000000"', b"NaN"), "Hello"),
    "infinite": (BODY.replace(b'"1790000000"', b"-Infinity"), "Hello"),
    "five thousand digits as timestamp": (BODY.replace(b'"1790000000"', LONG.encode()), "Hello"),
    "five thousand digits as text": (BODY.replace(b'"Hello"', LONG.encode()), LONG),
    "a huge exponent": (BODY.replace(b'"1790000000"', b"1e999999"), "Hello"),
    "negative timestamp": (BODY.replace(b'"1790000000"', b'"-1"'), "Hello"),
    "text that is a list": (BODY.replace(b'"Hello"', b'["Hello"]'), "[unsupported message] text"),
    "contacts that is an object": (BODY.replace(b'"contacts":[', b'"contacts":{"a":[').replace(b"}}],", b"}}]},"), "Hello"),
    "unknown fields": (BODY.replace(b'"type":"text"', b'"type":"text","mood":{"is":["good"]}'), "Hello"),
    "the key twice": (BODY.replace(b'"type":"text"', b'"type":"image","type":"text"'), "Hello"),
    "four thousand characters": (BODY.replace(b"Hello", b"x" * 4000), "x" * 4000),
}


@pytest.mark.parametrize("name", USABLE)
async def test_signed_body_with_something_odd_in_it_is_used_for_what_it_says(place: Installation, name: str) -> None:
    body, text = USABLE[name]
    assert body != BODY
    wamid = f"wamid.odd-{list(USABLE).index(name)}"
    body = body.replace(b"wamid.odd", wamid.encode())
    assert (await place.post_meta(body)).status_code == 200
    await place.settled()
    (row,) = await place.rows("SELECT body, state FROM webhook_ledger WHERE body = $1", body)
    assert row["state"] == "done"
    told = await place.trace(wamid)
    assert told["text"] == text
    if name == "unknown fields":
        assert told["metadata"] == {"mood": {"is": ["good"]}}


async def test_message_of_a_type_that_nobody_knows_is_kept_and_shown(place: Installation) -> None:
    message = customer_message("wamid.hologram", "15550100004", type="hologram", hologram={"depth": 3, "layers": ["a"]})
    del message["messages"][0]["text"]
    await place.post_meta(envelope(message))
    await place.settled()
    told = await place.trace("wamid.hologram")
    assert (told["type"], told["text"], told["content"]) == (
        "hologram",
        "[unsupported message] hologram",
        {"depth": 3, "layers": ["a"]},
    )


ITEMS = {
    "no id": {"from": "15550100005", "type": "text", "text": {"body": "x"}},
    "no sender": {"id": "wamid.nobody", "type": "text", "text": {"body": "x"}},
    "no message at all": "hello",
    "null": None,
}


@pytest.mark.parametrize("name", ITEMS)
async def test_item_that_cannot_be_used_is_a_dead_letter_alone(place: Installation, name: str) -> None:
    beside = f"wamid.beside-{name}"
    value = customer_message(beside, "15550100005")
    value["messages"].append(ITEMS[name])
    value["contacts"] = []
    body = rendered(envelope(value))
    before = await place.value("SELECT count(*) FROM dead_letters")
    assert (await place.post_meta(body)).status_code == 200
    await place.settled()
    assert (await place.trace(beside))["status"] == "received"
    letters = await place.rows("SELECT * FROM dead_letters ORDER BY id OFFSET $1", before)
    assert [letter["reason"] for letter in letters] == ["invalid_payload"]
    assert letters[0]["error_message"].startswith("The item cannot be used: ")
    kept = letters[0]["original_payload"]
    assert ITEMS[name] in (kept, kept.get("item"))


UNSTORABLE = {
    "wamid": customer_message(ENDLESS, "15550100006"),
    "sender": customer_message("wamid.endless-sender", ENDLESS),
    "wamid of a status": {"statuses": [{"id": ENDLESS, "status": "sent", "timestamp": "1790000000"}]},
    "status": {"statuses": [{"id": "wamid.nobodys", "status": ENDLESS, "timestamp": "1790000000"}]},
}


@pytest.mark.parametrize("name", UNSTORABLE)
async def test_id_too_long_to_be_stored_is_a_dead_letter_and_not_the_databases_fault(place: Installation, name: str) -> None:
    body = rendered(envelope(UNSTORABLE[name]))
    assert (await place.post_meta(body)).status_code == 200
    await place.settled()
    (row,) = await place.rows("SELECT state, outcome, attempts FROM webhook_ledger WHERE body = $1", body)
    (letter,) = row["outcome"]["dead_letters"]
    assert (row["state"], row["attempts"], letter["reason"]) == ("done", 1, "invalid_payload")
    why = "The item cannot be used: its `from` is neither" if name == "sender" else "The item cannot be stored: "
    assert letter["message"].startswith(why)


async def test_body_of_four_mebibytes_is_used_and_one_byte_more_is_refused(place: Installation) -> None:
    body = whatsapp("wamid.large")
    padding = LIMIT - len(body) - len(b'"padding":"",')
    largest = body.replace(b'"object"', b'"padding":"' + b"x" * padding + b'","object"')
    assert len(largest) == LIMIT
    assert (await place.post_meta(largest)).status_code == 200
    await place.settled()
    assert (await place.trace("wamid.large"))["status"] == "received"
    before = await place.counts()
    answer = await place.post_meta(largest + b" ")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await place.counts() == before


async def test_a_thousand_messages_in_one_body_are_a_thousand_messages(place: Installation) -> None:
    values = [customer_message(f"wamid.batch-{number}", f"1555020{number % 50:04d}") for number in range(1000)]
    contacts, messages = [value["contacts"][0] for value in values], [value["messages"][0] for value in values]
    messages[500] = {"type": "text"}
    assert (await place.post_meta(envelope({"contacts": contacts, "messages": messages}))).status_code == 200
    await place.settled()
    assert await place.value("SELECT count(*) FROM messages WHERE wamid LIKE 'wamid.batch-%'") == 999
    assert await place.value("SELECT count(*) FROM conversations WHERE wa_id LIKE '1555020%'") == 50


async def test_garbage_from_genesys_is_kept_with_a_reason_too(place: Installation) -> None:
    for body in (b"", b"[]", b"{", b'{"id":"\\u0000"}', b'{"id":' + b"[" * 100_000, b'{"id":"x","text":NaN,"content":7}'):
        assert (await place.post_genesys(body)).status_code == 200
        await place.settled()
        rows = await place.rows("SELECT state, outcome FROM webhook_ledger WHERE body = $1 ORDER BY id DESC LIMIT 1", body)
        (row,) = rows
        assert row["outcome"].get("reason") == "invalid_payload" or row["outcome"]["dead_letters"][0]["message"], body[:40]


async def test_nothing_is_left_pending_and_nothing_was_tried_twice(place: Installation) -> None:
    await place.settled()
    assert await place.value("SELECT max(attempts) FROM webhook_ledger") == 1
