"""Genesys' own Python SDK, which nobody here wrote: it reads what Waystate sends, and the simulator answers as it expects.

The SDK takes seconds to import, and looks after a configuration in the home folder, so it is here alone.
"""

import asyncio
import json
import warnings
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from waystate.channels.genesys import render
from waystate.channels.genesys.render import render_attachment, render_file, render_in_words, render_inbound, render_receipt
from waystate.channels.offers import ChosenOption, Option
from waystate.channels.told import told_of
from waystate.simulator.genesys_contents import EXAMPLES
from waystate.simulator.genesys_events import TOPICS

AT = datetime(2026, 11, 20, 12, 0, 1, 234000, tzinfo=UTC)
FILE = render_attachment(
    file_id="1", kind="document", url="https://files.example/1", mime_type="application/pdf", filename="a.pdf", sha256="ab"
)
MESSAGE = render_inbound(
    contact_id="15550100", name="Ann", wamid="wamid.1", sent_at=AT, text="Hi", attributes={"whatsapp_message_type": "text"}
)
CHOSEN = ChosenOption(Option(kind="QuickReply", line="Yes", payload="yes-7", title="Yes"), "c3")
RESPONSE = render_inbound(
    contact_id="15550100", name="Ann", wamid="wamid.2", sent_at=AT, text="Yes", attributes={}, answer=CHOSEN
)
SENT = {
    "message": ("OpenInboundNormalizedMessage", MESSAGE),
    "message with a file": ("OpenInboundNormalizedMessage", MESSAGE | {"content": [FILE]}),
    "file behind its message": (
        "OpenInboundNormalizedMessage",
        render_file(contact_id="15550100", wamid="wamid.1", at=AT, content=[FILE]),
    ),
    "answer to an offer": ("OpenInboundStructuredResponseMessage", RESPONSE),
    "answer in words": ("OpenInboundNormalizedMessage", render_in_words(RESPONSE)),
    "delivered": (
        "OpenInboundNormalizedReceipt",
        render_receipt(genesys_message_id="c3", contact_id="15550100", at=AT, status="Delivered"),
    ),
    "failed": (
        "OpenInboundNormalizedReceipt",
        render_receipt(genesys_message_id="c3", contact_id="15550100", at=AT, status="Failed", told=told_of({"code": 131047})),
    ),
}
"""What Waystate sends, with the SDK's model of it."""
BESIDE = frozenset({"contentType", "direction", "customAttributes"})
"""Named by Genesys' pages and all its samples, not by the SDK's models: `contentType` of content, `direction` of a receipt,
`customAttributes` of a channel's metadata."""


def bridge(sdk, client, loop):
    """The SDK calls from a thread and waits; here it reaches the simulator in the test's own loop."""

    class OverAsgi(sdk.abstract_http_client.AbstractHttpClient):
        def request(self, options):
            sent = client.request(
                options.method,
                options.url,
                headers=options.headers,
                params=options.query_params or None,
                data=dict(options.post_params) or None,
                content=json.dumps(options.body) if options.body else None,
            )
            got = asyncio.run_coroutine_threadsafe(sent, loop).result(10)
            response = sdk.rest.RESTResponse(
                SimpleNamespace(status=got.status_code, reason=got.reason_phrase, data=got.text, headers=got.headers)
            )
            if not got.is_success:
                raise sdk.rest.ApiException(http_resp=response)
            return response

    return OverAsgi()


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / ".genesyscloudpython").mkdir()
    # Without it the SDK would watch every folder of the home.
    (home / ".genesyscloudpython" / "config").write_text("[general]\nlive_reload_config = False\n")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("HOME", str(home))
        import PureCloudPlatformClientV2

        assert PureCloudPlatformClientV2.configuration.live_reload_config is False
    return PureCloudPlatformClientV2


@pytest.fixture
def reader(sdk):
    return sdk.api_client.ApiClient()


@pytest.fixture
async def genesys(sdk, simulator, settings):
    """The SDK's client, logged in; `call` is one of its calls in a thread."""
    client = sdk.api_client.ApiClient(host="http://localhost/genesys")
    client.gateway_configuration = sdk.GatewayConfiguration(
        host="localhost", protocol="http", path_params_login="/genesys/login", path_params_api="/genesys"
    )
    client.set_http_client(bridge(sdk, simulator.client, asyncio.get_running_loop()))
    await asyncio.to_thread(client.get_client_credentials_token, settings["client_id"], settings["client_secret"])

    async def call(api, name, *args, **kwargs):
        return await asyncio.to_thread(getattr(getattr(sdk, api)(client), name), *args, **kwargs)

    return SimpleNamespace(client=client, call=call)


def read(reader, model, body):
    answer = SimpleNamespace(data=json.dumps(body), getheader=lambda _: "application/json")
    return reader.deserialize(answer, model)


def comparable(value):
    """Moments as moments, and without what the models do not name."""
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items() if key not in BESIDE}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize("what", SENT)
def test_the_sdk_reads_all_of_what_waystate_sends(reader, what):
    model, body = SENT[what]
    found = read(reader, model, body)
    assert comparable(reader.sanitize_for_serialization(found)) == comparable(body)


def test_every_body_that_waystate_renders_is_read():
    made = {name for name in vars(render) if name.startswith("render_")}
    known = {"render_inbound", "render_in_words", "render_file", "render_attachment", "render_receipt"}
    assert made == known, "give the new one a row of SENT"


def test_the_sdk_tells_what_it_cannot_read(reader):
    """So that the test above can fail."""
    for change in ({"status": "Read"}, {"reasons": [{"code": "Unheard"}]}, {"opaque": "1"}):
        body = SENT["delivered"][1] | change
        found = reader.sanitize_for_serialization(read(reader, "OpenInboundNormalizedReceipt", body))
        assert comparable(found) != comparable(body), change


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_simulators_structured_messages_are_of_the_sdks_models(reader, example):
    for item in EXAMPLES[example].content:
        found = reader.sanitize_for_serialization(read(reader, "ConversationMessageContent", item))
        assert comparable(found | {"contentType": item["contentType"]}) == comparable(item)


async def test_the_sdk_sends_a_message_and_finds_its_conversation(sdk, genesys, settings):
    body = read(genesys.client, "OpenInboundNormalizedMessage", MESSAGE)
    where = settings["integration_id"]
    taken = await genesys.call(
        "ConversationsApi", "post_conversations_message_inbound_open_message", where, body, prefetch_conversation_id=True
    )
    assert (taken.text, taken.channel.message_id, taken.type) == ("Hi", "wamid.1", "Text")
    details = await genesys.call("ConversationsApi", "get_conversations_message_details", taken.id)
    assert (details.conversation_id, details.direction) == (taken.conversation_id, "inbound")
    whole = await genesys.call("ConversationsApi", "get_conversation", taken.conversation_id)
    assert [each.purpose for each in whole.participants][:2] == ["customer", "acd"]
    of_messages = await genesys.call("ConversationsApi", "get_conversations_message", taken.conversation_id)
    assert {each.type for each in of_messages.participants} == {"open"}


async def test_the_sdk_reports_on_an_agents_message_and_answers_a_bots(sdk, genesys, simulator, settings):
    where = settings["integration_id"]
    message = read(genesys.client, "OpenInboundNormalizedMessage", MESSAGE)
    await genesys.call("ConversationsApi", "post_conversations_message_inbound_open_message", where, message)
    asked = await simulator.control("POST", "/genesys/conversations/15550100/messages", {"example": "quick_replies"})
    receipt = read(genesys.client, "OpenInboundNormalizedReceipt", SENT["failed"][1] | {"id": asked["id"]})
    told = await genesys.call("ConversationsApi", "post_conversations_message_inbound_open_receipt", where, receipt)
    assert (told.status, told.type, told.reasons[0].code) == ("Failed", "Receipt", SENT["failed"][1]["reasons"][0]["code"])
    channel = MESSAGE["channel"] | {"messageId": "wamid.2"}
    button = {"type": "QuickReply", "text": "Yes", "payload": "yes"}
    answer = {"channel": channel, "buttonResponse": button, "originatingMessageId": asked["id"]}
    response = read(genesys.client, "OpenInboundStructuredResponseMessage", answer)
    call = "post_conversations_message_inbound_open_structured_response"
    taken = await genesys.call("ConversationsApi", call, where, response)
    assert taken.content[0].button_response.payload == "yes"
    typing = {"channel": {"from": channel["from"], "time": channel["time"]}, "events": [{"eventType": "Typing"}]}
    event = read(genesys.client, "OpenInboundNormalizedEvent", typing)
    assert (
        await genesys.call("ConversationsApi", "post_conversations_message_inbound_open_event", where, event)
    ).type == "Event"
    assert (await simulator.get("/simulator/state"))["genesys"]["unknownFields"] == 0


async def test_the_sdk_sets_an_integration_up(sdk, genesys, settings):
    api = "ConversationsApi"
    one = await genesys.call(api, "get_conversations_messaging_integrations_open_integration_id", settings["integration_id"])
    assert (one.status, one.create_status) == ("Active", "Completed")
    listed = await genesys.call(api, "get_conversations_messaging_integrations_open")
    assert [each.id for each in listed.entities] == [settings["integration_id"]]
    change = sdk.OpenIntegrationUpdateRequest()
    change.name = "WhatsApp"
    patched = await genesys.call(
        api, "patch_conversations_messaging_integrations_open_integration_id", settings["integration_id"], change
    )
    assert patched.name == "WhatsApp"
    profiles = (await genesys.call(api, "get_conversations_messaging_supportedcontent")).entities
    assert profiles[0].media_types.allow.inbound[0].type == "*/*"
    me = await genesys.call("TokensApi", "get_tokens_me")
    assert me.o_auth_client.id == settings["client_id"]
    subject = await genesys.call("AuthorizationApi", "get_authorization_subjects_me")
    assert subject.grants[0].role.policies
    send = {
        "fromAddress": settings["integration_id"],
        "toAddress": "15550100",
        "toAddressMessengerType": "open",
        "textBody": "Hello",
    }
    order = read(genesys.client, "SendAgentlessOutboundMessageRequest", send)
    assert (await genesys.call(api, "post_conversations_messages_agentless", order)).messenger_type == "open"


async def test_the_sdk_sees_the_errors_of_the_simulator_as_those_of_genesys(sdk, genesys, simulator):
    await simulator.control("PATCH", "/genesys", {"requests_per_minute": 2})
    call = ("ConversationsApi", "get_conversation", "none")
    with pytest.raises(sdk.rest.ApiException) as missing:
        await genesys.call(*call)
    assert (missing.value.status, json.loads(missing.value.body)["code"]) == (404, "not.found")
    await genesys.call("TokensApi", "get_tokens_me")
    with pytest.raises(sdk.rest.ApiException) as too_many:
        await genesys.call(*call)
    assert too_many.value.status == 429
    assert int(too_many.value.headers["retry-after"]) > 0
    await simulator.control("DELETE", "/genesys/tokens")
    with pytest.raises(sdk.rest.ApiException) as ended:
        await genesys.call(*call)
    assert ended.value.status == 401


@pytest.mark.parametrize("topic", TOPICS.values())
async def test_the_events_are_of_the_sdks_models(simulate, waystate, until, reader, topic):
    simulator = await simulate(genesys_events_url="http://waystate/webhooks/genesys/integration-1/events")
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 1)
    if topic == "acd.end":
        await simulator.tell_genesys("wamid.2", sender="15550101")
        await simulator.control("PATCH", "/rules", {"agents": False})
        await simulator.tell_genesys("wamid.3", sender="15550102")
    sender = "15550102" if topic == "acd.end" else "15550100"
    await simulator.control("POST", f"/genesys/conversations/{sender}/end")
    await until(lambda: any(topic in event["detail-type"] for _, event in waystate.events))
    body = next(event["detail"]["eventBody"] for _, event in waystate.events if topic in event["detail-type"])
    word = topic.partition(".")[0].title()
    found = reader.sanitize_for_serialization(read(reader, f"{word}EndDetailEventTopic{word}EndEvent", body))
    assert comparable(found) == comparable(body)
