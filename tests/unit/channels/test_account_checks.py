"""What a check says of a platform's answer: the cause, and what to do about it; never a secret."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from waystate.channels.checks import Checked, check_account, check_integration, check_many
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.egress import open_to_platforms
from waystate.tenants.model import GenesysIntegration, WhatsAppAccount

Answer = Callable[[httpx2.Request], Any]
TOKEN, SECRET = "EAAsecret-token", "client-secret-1"
ACCOUNT = WhatsAppAccount(
    phone_number_id="106",
    display_phone_number="+1 (555) 078-3881",
    business_account_id="waba",
    meta_app_id="app",
    access_token=TOKEN,
)
INTEGRATION = GenesysIntegration(
    integration_id="int-1", region="mypurecloud.de", client_id="c", client_secret=SECRET, webhook_secret="a-secret-of-16-chars"
)


def graph_error(status: int, code: int) -> Answer:
    error = {"message": f"(#{code}) Malformed access token {TOKEN}", "code": code, "type": "OAuthException"}
    return lambda _: httpx2.Response(status, json={"error": error})


def fails_with(error: Exception) -> Answer:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    return answer


def genesys(
    *,
    login: httpx2.Response | None = None,
    integration: httpx2.Response | None = None,
    probes: dict[str, httpx2.Response] | None = None,
) -> Answer:
    """`probes`: by the end of its path, the answer to a question beside those of login and integration."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/token":
            assert request.url.host == "login.mypurecloud.de"
            return login or httpx2.Response(200, json={"access_token": "t", "expires_in": 100})
        assert request.headers["authorization"] == "Bearer t"
        if str(request.url) == "https://api.mypurecloud.de/api/v2/conversations/messaging/integrations/open/int-1":
            return integration or httpx2.Response(200, json={"id": "int-1", "name": "Acme"})
        asked = [each for end, each in (probes or {}).items() if request.url.path.endswith(end)]
        return asked[0] if asked else httpx2.Response(400 if request.method == "POST" else 404, json={"code": "refused"})

    return answer


async def of_number(answer: Answer) -> Checked:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        return await check_account(ACCOUNT, GraphClient(http), seconds=0.2)


async def of_integration(answer: Answer) -> Checked:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        return await check_integration(INTEGRATION, GenesysClient(http), seconds=0.2)


async def test_a_number_that_the_platform_knows_is_well() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("GET", "/v26.0/106")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        return httpx2.Response(200, json={"id": "106", "display_phone_number": "+1 555-078-3881"})

    checked = await of_number(answer)
    assert checked.is_ok
    assert [each.verdict for each in checked.findings] == ["ok", "not_checked"]


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (graph_error(401, 190), "does not accept the access token", "new system user token"),
        (graph_error(400, 100), "No number 106", "phone number id"),
        (graph_error(403, 200), "may not read", "whatsapp_business_management"),
        (graph_error(403, 131031), "send nothing (HTTP 403, code 131031)", "WhatsApp Manager"),
        (graph_error(400, 131042), "send nothing (HTTP 400, code 131042)", "bill"),
        (graph_error(400, 80007), "busy", "in a minute"),
        (fails_with(httpx2.ConnectError("nobody listens")), "cannot be reached", "firewall"),
        (fails_with(httpx2.ReadTimeout("silence")), "cannot be reached", "firewall"),
        (lambda _: httpx2.Response(200, text="<html>"), "no usable answer", "address"),
        (lambda _: httpx2.Response(200, json={"display_phone_number": "+44 1"}), "+44 1", "phone number id"),
    ],
)
async def test_what_is_wrong_with_a_number_is_told(answer: Answer, detail: str, advice: str) -> None:
    checked = await of_number(answer)
    (failed,) = [each for each in checked.findings if each.verdict == "failed"]
    assert detail in failed.detail
    assert advice in (failed.advice or "")
    assert TOKEN not in str(checked)


async def test_an_integration_whose_client_may_read_it_is_well() -> None:
    checked = await of_integration(genesys())
    assert checked.is_ok
    assert [each.what for each in checked.findings if each.verdict == "ok"] == [
        "login",
        "integration",
        "permission to send",
        "permission to read",
    ]
    assert [each.what for each in checked.findings if each.verdict == "not_checked"] == ["content profile", "webhook secret"]


def described(**more: Any) -> httpx2.Response:
    url = "https://waystate.example.com/webhooks/genesys/int-1"
    return httpx2.Response(200, json={"name": "Acme", "outboundNotificationWebhookUrl": url, "status": "Active", **more})


CALLBACK, CALLED = "/webhooks/genesys/int-1", "notification URL"
FORBIDDEN = httpx2.Response(403, json={"code": "missing.permission"})
PROFILE = {"supportedContent": {"id": "profile-1"}}


def profile(**allow: Any) -> dict[str, httpx2.Response]:
    return {"/supportedcontent/profile-1": httpx2.Response(200, json={"name": "P", "mediaTypes": {"allow": allow}})}


async def test_a_profile_that_lets_files_through_is_well() -> None:
    probes = profile(inbound=[{"type": "*/*"}], outbound=[{"type": "image/*"}])
    checked = await of_integration(genesys(integration=described(**PROFILE), probes=probes))
    assert {each.what: each.verdict for each in checked.findings}["content profile"] == "ok"
    assert checked.is_ok


ELSEWHERE = httpx2.Response(200, json={"name": "Acme", "outboundNotificationWebhookUrl": "https://old.test/hook"})


@pytest.mark.parametrize(
    ("answer", "what", "advice"),
    [
        (genesys(login=httpx2.Response(401, json={"error": "invalid_client"})), "login", "client_secret; and the region"),
        (genesys(login=httpx2.Response(400, json={"error": "invalid_request"})), "login", "region"),
        (genesys(login=httpx2.Response(503)), "login", "in a minute"),
        (genesys(integration=httpx2.Response(403, json={"code": "missing.permission"})), "integration", "permission"),
        (genesys(integration=httpx2.Response(404, json={"code": "not.found"})), "integration", "integration's id"),
        (genesys(integration=ELSEWHERE), "notification URL", "/webhooks/genesys/int-1"),
        (fails_with(httpx2.ConnectError("no such host")), "login", "region mypurecloud.de"),
        (genesys(probes={"/inbound/open/message": FORBIDDEN}), "permission to send", "conversation > message > receive"),
        (genesys(probes={"-000000000000": FORBIDDEN}), "permission to read", "conversation > message > view"),
        (genesys(integration=described(status="Inactive")), "state", "Activate it"),
        (genesys(integration=described(createStatus="Error")), "state", "make it anew"),
        (
            genesys(integration=described(outboundNotificationWebhookUrl=f"http://a.test{CALLBACK}")),
            CALLED,
            "https://your.host",
        ),
        (
            genesys(integration=described(outboundNotificationWebhookUrl=f"https://a.test:8443{CALLBACK}")),
            CALLED,
            "port but 443",
        ),
        (genesys(integration=described(outboundNotificationWebhookUrl=f"https://waystate{CALLBACK}")), CALLED, "resolve"),
        (genesys(integration=described(**PROFILE), probes=profile(inbound=[{"type": "*/*"}])), "content profile", "*/*"),
    ],
)
async def test_what_is_wrong_with_an_integration_is_told(answer: Answer, what: str, advice: str) -> None:
    checked = await of_integration(answer)
    (failed,) = [each for each in checked.findings if each.verdict == "failed"]
    assert failed.what == what
    assert advice in (failed.advice or "")
    assert SECRET not in str(checked)


async def test_a_platform_that_stays_silent_holds_nobody_up() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with asyncio.timeout(5), httpx2.AsyncClient(transport=httpx2.MockTransport(never)) as http:
        checked = await check_many([ACCOUNT] * 3, [INTEGRATION], GraphClient(http), GenesysClient(http), seconds=0.1)
    assert [each.is_ok for each in checked] == [False] * 4
    assert all("cannot be reached" in each.findings[0].detail for each in checked)


async def test_a_secret_that_is_wrong_now_is_found_although_an_older_token_is_still_good() -> None:
    logins = 0

    def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal logins
        if request.url.path == "/oauth/token":
            logins += 1
            good = logins == 1
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 9999}) if good else httpx2.Response(401)
        return httpx2.Response(200, json={"name": "Acme"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        client = GenesysClient(http)
        assert (await check_integration(INTEGRATION, client)).is_ok
        assert not (await check_integration(INTEGRATION, client)).is_ok


async def test_an_address_that_may_not_be_called_is_told_with_what_to_do() -> None:
    elsewhere = "https://relay.example.com"
    async with open_to_platforms([], timeout=1.0) as http:
        number = await check_account(ACCOUNT.model_copy(update={"api_url": elsewhere}), GraphClient(http))
        login = await check_integration(INTEGRATION.model_copy(update={"login_url": elsewhere}), GenesysClient(http))
    for checked in (number, login):
        finding = checked.findings[0]
        assert (finding.verdict, "relay.example.com" in finding.detail) == ("failed", True)
        assert "EGRESS_HOSTS" in (finding.advice or "")
