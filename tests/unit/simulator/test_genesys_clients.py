"""OAuth clients of the simulated Genesys: tokens that end, permissions, requests a minute; and integrations."""

from datetime import UTC, datetime, timedelta

import pytest

PLACE = "/conversations/messaging/integrations/open"
SECRET = "a-secret-of-16-chars"


class Time:
    def __init__(self):
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("client", "secret", "said"),
    [("nobody", "x", "client not found"), ("client-1", "guess", "authentication failed")],
)
async def test_a_login_that_fails_is_a_bad_request_that_says_why(simulator, client, secret, said):
    answer = await simulator.log_in(secret, client)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_client", "description": said, "error_description": said},
    )


async def test_a_token_ends_with_its_life_and_a_new_one_works(simulate):
    time = Time()
    simulator = await simulate(clock=time, genesys_token_life=600)
    assert (await simulator.log_in()).json()["expires_in"] == 600
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200
    time.passes(600)
    ended = await simulator.ask_genesys("GET", "/tokens/me")
    assert (ended.status_code, ended.json()["code"]) == (401, "bad.credentials")
    simulator.genesys_token = ""
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200


async def test_all_tokens_can_be_ended_at_once_and_none_forged(simulator):
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200
    held = simulator.genesys_token
    for forged in (held[:-1] + ("0" if held[-1] != "0" else "1"), "x", "x.y", held.partition(".")[0]):
        simulator.genesys_token = forged
        assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 401, forged
    simulator.genesys_token = held
    await simulator.control("DELETE", "/genesys/tokens")
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 401
    none = await simulator.client.get("/genesys/api/v2/tokens/me")
    assert (none.status_code, none.json()["code"]) == (401, "authentication.required")


async def test_each_client_has_its_requests_a_minute(simulate):
    time = Time()
    other = {"id": "client-2", "secret": "two"}
    simulator = await simulate(clock=time, genesys_requests_per_minute=3, genesys_clients=[other])
    for _ in range(3):
        last = await simulator.ask_genesys("GET", "/tokens/me")
        time.passes(10)
    limits = {name: last.headers[f"inin-ratelimit-{name}"] for name in ("count", "allowed", "reset")}
    assert limits == {"count": "3", "allowed": "3", "reset": "40"}
    over = await simulator.ask_genesys("GET", "/tokens/me")
    assert (over.status_code, over.json()["code"], over.headers["retry-after"]) == (429, "too.many.requests", "30")
    assert over.json()["message"] == "Rate limit exceeded the maximum [3] requests within [60] seconds"
    mine, simulator.genesys_token = simulator.genesys_token, (await simulator.log_in("two", "client-2")).json()["access_token"]
    assert (await simulator.ask_genesys("GET", "/tokens/me")).json()["OAuthClient"]["id"] == "client-2"
    simulator.genesys_token = mine
    time.passes(30)
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200
    assert (await simulator.get("/simulator/state"))["genesys"]["throttled"] == 1


async def test_the_minute_passes_faster_where_a_test_asks_for_it(simulate):
    time = Time()
    simulator = await simulate(clock=time, genesys_time_factor=1 / 60)
    for _ in range(300):
        assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200
    assert (await simulator.ask_genesys("GET", "/tokens/me")).headers["retry-after"] == "1"
    time.passes(1)
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200
    await simulator.control("PATCH", "/genesys", {"requests_per_minute": 1})
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 429


async def test_a_client_does_only_what_its_role_allows(simulate):
    client = {"id": "weak", "secret": "weak", "permissions": ["messaging:integration:view"]}
    simulator = await simulate(genesys_clients=[client])
    simulator.genesys_token = (await simulator.log_in("weak", "weak")).json()["access_token"]
    assert (await simulator.ask_genesys("GET", PLACE)).status_code == 200
    refused = await simulator.tell_genesys("wamid.1")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing.any.permissions")
    assert "[conversation:message:receive]" in refused.json()["message"]
    subject = (await simulator.ask_genesys("GET", "/authorization/subjects/me")).json()
    policies = subject["grants"][0]["role"]["policies"]
    assert policies == [{"domain": "messaging", "entityName": "integration", "actions": ["view"]}]


async def test_what_a_check_asks_is_answered(simulator, settings):
    profile = (await simulator.ask_genesys("GET", "/conversations/messaging/supportedcontent")).json()["entities"][0]
    one = await simulator.ask_genesys("GET", f"/conversations/messaging/supportedcontent/{profile['id']}")
    assert one.json()["mediaTypes"]["allow"]["inbound"] == [{"type": "*/*"}]
    assert (await simulator.ask_genesys("GET", "/organizations/me")).json()["state"] == "active"
    client = (await simulator.ask_genesys("GET", f"/oauth/clients/{settings['client_id']}")).json()
    assert (client["authorizedGrantType"], client["accessTokenValiditySeconds"]) == ("CLIENT-CREDENTIALS", 86399)
    listed = (await simulator.ask_genesys("GET", f"{PLACE}?pageSize=1&pageNumber=2")).json()
    assert (listed["entities"], listed["total"], listed["pageCount"]) == ([], 1, 1)
    user = await simulator.ask_genesys("GET", "/users/me")
    assert (user.status_code, "requires a user context" in user.json()["message"]) == (400, True)
    for path in ("/oauth/clients/nobody", f"{PLACE}/none", "/conversations/messaging/supportedcontent/none"):
        assert (await simulator.ask_genesys("GET", path)).json()["code"] == "not.found"
    assert (await simulator.ask_genesys("GET", f"{PLACE}?pageSize=many")).status_code == 400


async def test_an_integration_is_made_and_its_webhooks_go_where_it_says(simulator, waystate, until):
    new = {
        "name": "WhatsApp",
        "outboundNotificationWebhookUrl": "https://waystate/webhooks/genesys/new",
        "outboundNotificationWebhookSignatureSecretToken": SECRET,
        "webhookHeaders": {"x-installation": "test"},
    }
    made = (await simulator.ask_genesys("POST", PLACE, new)).json()
    assert (made["status"], made["createStatus"]) == ("Active", "Completed")
    assert SECRET not in str(made)
    path = f"/conversations/messages/{made['id']}/inbound/open/message"
    body = {"channel": {"from": {"id": "15550100"}, "time": "2026-11-20T12:00:00.000Z", "messageId": "m"}, "text": "Hi"}
    assert (await simulator.ask_genesys("POST", path, body)).status_code == 200
    await until(lambda: len(waystate.replies) == 1)
    assert waystate.replies[0]["channel"]["from"]["nickname"] == "WhatsApp"
    assert waystate.headers[0]["x-installation"] == "test"
    assert waystate.badly_signed == 1, "signed with the new secret, not with the configured one"
    changed = (await simulator.ask_genesys("PATCH", f"{PLACE}/{made['id']}", {"name": "Other"})).json()
    assert (changed["name"], changed["outboundNotificationWebhookUrl"]) == ("Other", new["outboundNotificationWebhookUrl"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outboundNotificationWebhookSignatureSecretToken": "short"}, "outboundNotificationWebhookSignatureSecretToken"),
        ({"outboundNotificationWebhookUrl": "http://waystate.example/x"}, "outboundNotificationWebhookUrl"),
        ({"name": ""}, "name"),
    ],
)
async def test_an_integration_that_is_set_up_wrong_is_refused(simulator, settings, change, field):
    answer = await simulator.ask_genesys("PATCH", f"{PLACE}/{settings['integration_id']}", change)
    assert (answer.status_code, answer.json()["details"][0]["fieldName"]) == (400, field)
