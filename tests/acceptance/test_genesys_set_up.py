"""An integration made in Genesys and stored here: once, with a secret that is known here before Genesys signs with it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import FAR, SIMULATED
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.genesys.set_up import Preparation, SetUp, WantedIntegration
from waystate.errors import BadRequest, Conflict, Refused
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig

WANTED = WantedIntegration("Acme", "https://waystate.example.com/")
LIST = "/api/v2/conversations/messaging/integrations/open"
TARGET = Integration(
    integration_id="being-made",
    api_url=f"{FAR}/genesys",
    login_url=f"{FAR}/genesys/login",
    client_id=str(SIMULATED["client_id"]),
    client_secret=str(SIMULATED["client_secret"]),
)


class Desk:
    """Whoever sets up, with what is stored; `order` is what happened in turn."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.genesys = GenesysClient(http)
        self.known: dict[str, str] = {}
        self.order: list[str] = []

    async def store(self, done: SetUp) -> None:
        self.order.append("stored")
        self.known[done.integration_id] = done.webhook_secret

    async def run(self, *, is_dry: bool = False, wanted: WantedIntegration = WANTED, target: Integration = TARGET) -> SetUp:
        preparation = Preparation(
            self.genesys, target, dict(self.known), self.store, told=self.order.append, is_dry=is_dry, pause=0
        )
        return await preparation.run(wanted)

    async def shown(self, integration: str = "") -> dict[str, Any]:
        """What Genesys has: one integration, or the list of all."""
        answer = await self.genesys.find(TARGET, f"{LIST}/{integration}" if integration else LIST)
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    simulator = create_simulator(SimulatorConfig(**SIMULATED))
    async with (
        simulator.router.lifespan_context(simulator),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(simulator)) as http,
    ):
        yield Desk(http)


async def test_an_integration_is_made_stored_and_then_told_its_address(desk: Desk) -> None:
    done = await desk.run()
    shown = await desk.shown(done.integration_id)
    callback = f"https://waystate.example.com/webhooks/genesys/{done.integration_id}"
    assert (shown["name"], shown["outboundNotificationWebhookUrl"]) == ("Acme", callback)
    assert desk.known == {done.integration_id: done.webhook_secret}
    assert len(done.webhook_secret) >= 32
    assert desk.order.index("stored") < next(place for place, each in enumerate(desk.order) if callback in each)
    profile = await desk.genesys.find(
        TARGET, f"/api/v2/conversations/messaging/supportedcontent/{shown['supportedContent']['id']}"
    )
    assert isinstance(profile, dict)
    assert profile["mediaTypes"]["allow"] == {"inbound": [{"type": "*/*"}], "outbound": [{"type": "*/*"}]}


async def test_done_again_it_changes_nothing_and_keeps_the_secret(desk: Desk) -> None:
    first = await desk.run()
    before = await desk.shown()
    again = await desk.run()
    assert again.webhook_secret == first.webhook_secret
    assert "as it should be" in again.steps[-1]
    assert await desk.shown() == before


async def test_one_that_is_there_and_unknown_here_gets_a_new_secret(desk: Desk) -> None:
    first = await desk.run()
    desk.known.clear()
    again = await desk.run()
    assert desk.known == {first.integration_id: again.webhook_secret}
    assert again.webhook_secret != first.webhook_secret


@pytest.mark.parametrize(
    ("url", "api_url"),
    [
        ("waystate.example.com", TARGET.api_url),
        ("http://waystate.example.com", "https://api.mypurecloud.de"),
        ("https://waystate.example.com:8443", "https://api.mypurecloud.de"),
        ("https://localhost", "https://api.mypurecloud.de"),
    ],
)
async def test_nothing_is_made_for_a_url_that_genesys_cannot_send_to(desk: Desk, url: str, api_url: str) -> None:
    with pytest.raises(BadRequest, match=r"such as https://waystate\.example\.com"):
        await desk.run(wanted=WantedIntegration("Acme", url), target=replace(TARGET, api_url=api_url))
    assert (desk.order, desk.known) == ([], {})


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(desk: Desk) -> None:
    before = await desk.shown()
    done = await desk.run(is_dry=True)
    assert done.steps[0] == "Make the integration 'Acme'."
    assert (await desk.shown(), desk.known) == (before, {})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(403, json={"code": "missing"}), "messaging > integration > view"),
        (httpx2.Response(400, json={"code": "bad"}), "Genesys refuses to list"),
        (httpx2.Response(503), "Run this again"),
        (httpx2.Response(200, text="<html>"), "Run this again"),
        (httpx2.Response(200, json={"entities": [{"id": "1", "name": "Acme"}, {"id": "2", "name": "Acme"}]}), "1, 2"),
    ],
)
async def test_what_genesys_does_not_let_be_done_is_said_with_what_to_do(answer: httpx2.Response, said: str) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 100})
        return answer

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        with pytest.raises(Refused) as error:
            await Desk(http).run()
    assert said in error.value.detail


async def test_one_that_genesys_makes_slowly_is_waited_for_and_one_that_fails_is_said() -> None:
    states = iter(["Initiated", "Completed", "Error"])

    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 100})
        if request.url.path.endswith("/7"):
            return httpx2.Response(
                200, json={"id": "7", "createStatus": next(states)} if request.method == "GET" else {"id": "7"}
            )
        return httpx2.Response(200, json={"id": "7"} if request.method == "POST" else {"entities": []})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        assert (await Desk(http).run()).integration_id == "7"
        with pytest.raises(Conflict):
            await Desk(http).run()
