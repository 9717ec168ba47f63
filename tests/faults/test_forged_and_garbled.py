"""W1 and W3, long: ten thousand forged signatures open nothing, and a hundred thousand garbled bodies are kept with a reason.

Short forms: tests/acceptance/test_forged_webhooks.py, test_hostile_webhooks.py and test_anything.py.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest

from tests.acceptance.installation import APP, Installation, customer_message, envelope, installed, rendered, status_report
from tests.databases import Databases
from tests.faults.harness_record import Record
from waystate.simulator.webhooks import hex_signature

FORGED, GARBLED = 10_000, 100_000
AT_ONCE = 100
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        1e308,
        10**400,
        "",
        " ",
        "\x00",
        "\ud800",
        "\u202e",
        "x" * 9000,
        "null",
        "-0",
        "'; DROP TABLE messages; --",
    ),
    *([], {}, [[]], {"": {}}, [None] * 50, {"id": {"id": {"id": "x"}}}),
)
TOKENS = (
    b"NaN",
    b"-Infinity",
    b"1e999999",
    b"9" * 5000,
    b'"\\u0000"',
    b'"\\ud83d"',
    b"[" * 2000,
    b'{"a":' * 500,
    b"\xff\xfe",
    b"//",
)


@pytest.fixture
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenant(sender="external", genesys_sender="external")
            yield installation


def forged(random: Random) -> Iterator[bytes]:
    """Signatures that are almost right."""
    body = rendered(envelope(customer_message("wamid.forged", "15550100001")))
    good = hex_signature(APP.app_secret.encode(), body)
    while True:
        place = random.randrange(7, len(good))
        other = random.choice([digit for digit in "0123456789abcdef" if digit != good[place]])
        yield (
            random.choice(
                [
                    good[:place] + other + good[place + 1 :],
                    good[:place],
                    good + other,
                    good.replace("256", random.choice(["1", "512", "", "2560"])),
                    hex_signature(random.randbytes(8), body),
                    hex_signature(APP.app_secret.encode(), body + random.randbytes(1)),
                    good.upper(),
                    "sha256=" + "".join(random.sample(good[7:], 64)),
                ]
            ).encode()
            if random.random() < 0.9
            else random.randbytes(random.randrange(80)).replace(b"\n", b"").replace(b"\r", b"")
        )


def documents(random: Random, number: int) -> Any:
    """What is a webhook of WhatsApp, before anything happened to it."""
    if random.random() < 0.3:
        return envelope(status_report(f"wamid.{number}", random.choice(["sent", "delivered", "read", "failed", "odd"])))
    document = envelope(customer_message(f"wamid.{number}", f"1555020{number % 50:04d}"))
    if random.random() < 0.001:
        value = document["entry"][0]["changes"][0]["value"]
        value["messages"] = [{**value["messages"][0], "id": f"wamid.{number}.{each}"} for each in range(1000)]
    return document


def spoiled(document: Any, random: Random) -> Any:
    """With some of its parts replaced, dropped or doubled."""
    if random.random() < 0.06:
        return random.choice(ODD)
    if isinstance(document, dict):
        kept = {key: spoiled(item, random) for key, item in document.items() if random.random() < 0.97}
        return kept | ({str(random.choice(ODD))[:99]: random.choice(ODD)} if random.random() < 0.05 else {})
    if isinstance(document, list):
        return [spoiled(item, random) for item in document for _ in range(random.choice([1, 1, 1, 1, 1, 1, 1, 2]))]
    return document


def garbled(random: Random) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        body = bytearray(json.dumps(spoiled(documents(random, number), random)).encode())
        for _ in range(random.choice([0, 0, 1, 3])):
            place = random.randrange(len(body))
            body[place : place + random.choice([0, 1, 1, 7])] = random.choice([random.randbytes(1), random.choice(TOKENS)])
        yield bytes(body)


@pytest.mark.faults
async def test_w1_ten_thousand_forged_signatures_write_nothing(place: Installation, records: list[Record]) -> None:
    body, path = rendered(envelope(customer_message("wamid.forged", "15550100001"))), f"/webhooks/whatsapp/{APP.id}"
    before, answers = await place.counts(), Counter[int]()
    for signature in islice(forged(Random(1)), FORGED):
        answer = await place.http.post(path, content=body, headers={b"x-hub-signature-256": signature})
        answers[answer.status_code] += 1
    assert answers == {401: FORGED}
    assert await place.counts() == before


@pytest.mark.faults
async def test_w3_a_hundred_thousand_garbled_bodies_are_kept_and_worked_off(place: Installation, records: list[Record]) -> None:
    bodies, answers = garbled(Random(3)), Counter[int]()
    for _ in range(GARBLED // AT_ONCE):
        done = await asyncio.gather(*map(place.post_meta, islice(bodies, AT_ONCE)))
        answers.update(each.status_code for each in done)
    assert answers == {200: GARBLED}
    await place.settled(timeout=600)
    outcomes = await place.rows(
        "SELECT state, outcome ? 'rejected' AS is_rejected, attempts, count(*) AS n FROM webhook_ledger GROUP BY 1, 2, 3"
    )
    assert sum(row["n"] for row in outcomes) >= GARBLED, "a body of several numbers is a row for each"
    assert {(row["state"], row["attempts"]) for row in outcomes} == {("done", 1), ("rejected", 1)}
    assert all(row["is_rejected"] for row in outcomes if row["state"] == "rejected")
    nameless = await place.value(
        "SELECT count(*) FROM webhook_ledger l,"
        " jsonb_array_elements(coalesce(l.outcome->'rejected', '[]') || coalesce(l.outcome->'dead_letters', '[]')) AS e"
        " WHERE coalesce(e->>'reason', '') = '' OR coalesce(e->>'message', '') = ''"
    )
    assert nameless == 0
    assert (await place.post_meta(envelope(customer_message("wamid.good", "15550100009")))).status_code == 200
    await place.settled()
    assert await place.value("SELECT count(*) FROM messages WHERE wamid = 'wamid.good'") == 1
