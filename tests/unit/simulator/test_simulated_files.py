import base64
import hashlib

import pytest

from tests.unit.simulator.conftest import CONFIG

BEARER = {"authorization": f"Bearer {CONFIG['access_token']}"}


@pytest.fixture
async def simulator(simulate):
    return await simulate(own_url="http://localhost:3006")


async def sent(simulator, waystate, until, **file):
    await simulator.control("POST", "/customers/15550100/messages", {"file": file})
    await until(lambda: len(waystate.messages) == 1)
    message = waystate.messages[0]
    return message["type"], message[message["type"]]


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document", "sticker"])
async def test_a_file_is_what_its_webhook_says(simulator, waystate, until, kind):
    told_kind, told = await sent(simulator, waystate, until, kind=kind, size=50_000)
    assert told_kind == kind
    described = await simulator.client.get(f"/graph/v26.0/{told['id']}", headers=BEARER)
    for url in (told["url"], described.json()["url"]):
        loaded = await simulator.client.get(url, headers=BEARER)
        assert loaded.status_code == 200
        digest = hashlib.sha256(loaded.content)
        assert base64.b64encode(digest.digest()).decode() == told["sha256"]
        assert digest.hexdigest() == described.json()["sha256"]
    assert described.json()["file_size"] >= 50_000


async def test_without_the_token_there_is_no_file(simulator, waystate, until):
    _, told = await sent(simulator, waystate, until, kind="image")
    assert (await simulator.client.get(told["url"])).status_code == 401


async def test_the_fault_takes_a_file_away_now_and_then(simulator, waystate, until):
    _, told = await sent(simulator, waystate, until, kind="image")
    await simulator.control("PUT", "/faults", {"file_errors": 1})
    answers = {(await simulator.client.get(told["url"], headers=BEARER)).status_code for _ in range(20)}
    assert answers == {404, 503}


async def test_customers_of_a_load_send_files_too(simulator, waystate, until):
    await simulator.control("POST", "/load", {"customers": 5, "rate": 1000, "total": 60, "files": 0.5})
    await until(lambda: len(waystate.messages) == 60)
    kinds = {message["type"] for message in waystate.messages}
    assert {"text", "image", "document", "audio"} <= kinds
