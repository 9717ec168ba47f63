"""Under a real server: only there does a connection exist that can be cut."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time

import httpx2
import pytest

SERVE = """
import sys
from granian import Granian

Granian(
    "waystate.simulator.app:create_from_environment",
    factory=True, interface="asgi", address="127.0.0.1", port=int(sys.argv[1]), workers=1, loop="uvloop", log_enabled=False,
).serve()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def served(settings):
    """The address of a simulator under Granian, whose webhooks nobody takes."""
    nobody = f"http://127.0.0.1:{free_port()}"
    config = {**settings, "whatsapp_webhook_url": nobody, "genesys_webhook_url": nobody}
    port = free_port()
    environment = {**os.environ, "WAYSTATE_SIMULATOR": json.dumps(config)}
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], env=environment)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


async def send(client, settings, opaque):
    body = {"messaging_product": "whatsapp", "to": "15550100", "text": {"body": "Hi"}, "biz_opaque_callback_data": opaque}
    path = f"/graph/v24.0/{settings['phone_number_id']}/messages"
    return await client.post(path, json=body, headers={"authorization": f"Bearer {settings['access_token']}"})


async def test_lost_answer_is_a_broken_connection_and_never_a_status(served, settings):
    async with httpx2.AsyncClient(base_url=served, trust_env=False) as client:
        await client.post("/simulator/customers/15550100/messages")
        await client.put("/simulator/faults", json={"lost_answers": 1})
        sends = (send(client, settings, f"m-{number}") for number in range(20))
        answers = await asyncio.gather(*sends, return_exceptions=True)
        assert all(isinstance(answer, httpx2.RemoteProtocolError) for answer in answers), answers
        await client.put("/simulator/faults", json={})
        assert (await send(client, settings, "after")).status_code == 200
        state = (await client.get("/simulator/state")).json()
        assert (state["whatsapp"]["sends"], state["struck"]["lost_answers"]) == (21, 20)


async def test_webhook_that_nobody_takes_is_retried(served):
    async with httpx2.AsyncClient(base_url=served, trust_env=False) as client:
        await client.post("/simulator/reset")
        await client.post("/simulator/customers/15550100123/messages")
        await asyncio.sleep(0.5)
        state = (await client.get("/simulator/state")).json()
        assert state["webhooks"]["whatsapp"]["retried"] >= 3
        assert state["waiting"]["customerMessages"] == 1
