"""What WhatsApp refuses: what is just allowed passes, one step beyond it is refused, with WhatsApp's code."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig

PHONE = "15550100"
BSUID = "US.13491208655302741918"


def to_customer(type, content, **fields):
    return {"messaging_product": "whatsapp", "to": PHONE, "type": type, type: content} | fields


def interactive(type, action, body="Choose", **fields):
    return to_customer("interactive", {"type": type, "body": {"text": body}, "action": action} | fields)


def buttons(count, title="T", id="i"):
    return {"buttons": [{"type": "reply", "reply": {"id": f"{id}{n}", "title": f"{title}{n}"}} for n in range(count)]}


def rows(count, sections=1, **fields):
    made = [{"id": f"r{n}", "title": f"Row {n}"} | fields for n in range(count)]
    size = -(-count // sections)
    parts = [made[start : start + size] for start in range(0, count, size)]
    return {"button": "Open", "sections": [{"title": f"S{n}", "rows": part} for n, part in enumerate(parts)]}


def link(text="Open", url="https://example.com"):
    return {"name": "cta_url", "parameters": {"display_text": text, "url": url}}


def flow(cta="Go", **fields):
    return {"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": cta} | fields}


def card(**name):
    return {"name": {"formatted_name": "Ada Lovelace", "first_name": "Ada"} | name, "phones": [{"phone": "+15550100"}]}


LINKED = {"link": "https://example.com/a.png"}
TEXT_HEADER = {"type": "text", "text": "x" * 60}

BORDERS = [
    ("text", to_customer("text", {"body": "x" * 4096}), to_customer("text", {"body": "x" * 4097}), 100),
    ("empty text", to_customer("text", {"body": "x"}), to_customer("text", {"body": ""}), 100),
    ("text without its object", to_customer("text", {"body": "x"}), to_customer("text", None), 131008),
    ("text without body", to_customer("text", {"body": "x"}), to_customer("text", {}), 131008),
    ("type", to_customer("sticker", LINKED), to_customer("poll", LINKED), 100),
    ("opaque data", *(to_customer("text", {"body": "x"}, biz_opaque_callback_data="x" * n) for n in (512, 513)), 100),
    ("recipient type", *(to_customer("text", {"body": "x"}, recipient_type=t) for t in ("individual", "everybody")), 100),
    ("caption", *(to_customer("image", LINKED | {"caption": "x" * n}) for n in (1024, 1025)), 100),
    ("caption of a sound", to_customer("audio", LINKED), to_customer("audio", LINKED | {"caption": "x"}), 100),
    ("media without id or link", to_customer("image", LINKED), to_customer("image", {"caption": "x"}), 100),
    ("media with both", to_customer("image", LINKED), to_customer("image", LINKED | {"id": "1"}), 100),
    ("link", to_customer("video", LINKED), to_customer("video", {"link": "ftp://example.com/a"}), 100),
    ("unknown media", to_customer("document", LINKED), to_customer("document", {"id": "123"}), 100),
    (
        "coordinates",
        to_customer("location", {"latitude": "90", "longitude": -180}),
        to_customer("location", {"latitude": 90.1, "longitude": 0}),
        131009,
    ),
    (
        "location without coordinates",
        to_customer("location", {"latitude": 1, "longitude": 1, "name": "Here"}),
        to_customer("location", {"latitude": 1, "name": "Here"}),
        131008,
    ),
    ("contact", to_customer("contacts", [card()]), to_customer("contacts", [{"phones": []}]), 131008),
    ("no contacts", to_customer("contacts", [card()]), to_customer("contacts", []), 100),
    ("name of a contact", to_customer("contacts", [card()]), to_customer("contacts", [card(first_name=None)]), 131009),
    ("reaction", *(to_customer("reaction", {"message_id": "wamid.x"} | e) for e in ({"emoji": ""}, {})), 131008),
    ("buttons", interactive("button", buttons(3)), interactive("button", buttons(4)), 131009),
    ("no buttons", interactive("button", buttons(1)), interactive("button", buttons(0)), 131009),
    ("title of a button", *(interactive("button", buttons(1, title="x" * n)) for n in (19, 20)), 131009),
    ("id of a button", *(interactive("button", buttons(1, id="x" * n)) for n in (255, 256)), 131009),
    (
        "equal titles",
        interactive("button", buttons(2)),
        interactive("button", {"buttons": buttons(1)["buttons"] + [{"type": "reply", "reply": {"id": "z", "title": "T0"}}]}),
        131009,
    ),
    (
        "equal ids",
        interactive("button", buttons(2)),
        interactive("button", {"buttons": buttons(1)["buttons"] + [{"type": "reply", "reply": {"id": "i0", "title": "z"}}]}),
        131009,
    ),
    ("body of buttons", *(interactive("button", buttons(1), body="x" * n) for n in (1024, 1025)), 131009),
    ("body of a list", *(interactive("list", rows(1), body="x" * n) for n in (4096, 4097)), 131009),
    ("no body", interactive("button", buttons(1)), interactive("button", buttons(1), body=""), 131009),
    ("footer", *(interactive("button", buttons(1), footer={"text": "x" * n}) for n in (60, 61)), 131009),
    (
        "header",
        interactive("button", buttons(1), header=TEXT_HEADER),
        interactive("button", buttons(1), header=TEXT_HEADER | {"text": "x" * 61}),
        131009,
    ),
    (
        "header of a list",
        interactive("list", rows(1), header=TEXT_HEADER),
        interactive("list", rows(1), header={"type": "image", "image": LINKED}),
        131009,
    ),
    (
        "header without its medium",
        interactive("button", buttons(1), header={"type": "image", "image": LINKED}),
        interactive("button", buttons(1), header={"type": "image"}),
        131009,
    ),
    ("rows", interactive("list", rows(10, sections=2)), interactive("list", rows(11, sections=2)), 131009),
    ("sections", interactive("list", rows(10, sections=10)), interactive("list", rows(11, sections=11)), 131009),
    ("title of a row", *(interactive("list", rows(1, title="x" * n)) for n in (24, 25)), 131009),
    ("description of a row", *(interactive("list", rows(1, description="x" * n)) for n in (72, 73)), 131009),
    ("id of a row", *(interactive("list", rows(1, id="x" * n)) for n in (200, 201)), 131009),
    ("equal rows", interactive("list", rows(2)), interactive("list", rows(2, id="same")), 131009),
    ("button of a list", *(interactive("list", rows(1) | {"button": "x" * n}) for n in (20, 21)), 131009),
    ("text of a link", *(interactive("cta_url", link("x" * n)) for n in (20, 21)), 131009),
    ("address of a link", *(interactive("cta_url", link(url=u)) for u in ("http://example.com", "example.com")), 100),
    ("text of a flow", *(interactive("flow", flow("x" * n)) for n in (30, 31)), 131009),
    ("flow", interactive("flow", flow()), interactive("flow", flow(flow_id=None)), 131009),
    ("kind of interactive", interactive("product", {}), interactive("quiz", {}), 100),
    (
        "key nobody knows",
        to_customer("text", {"body": "x", "preview_url": True}),
        to_customer("text", {"body": "x", "bold": True}),
        100,
    ),
]


@pytest.mark.parametrize(("allowed", "refused", "code"), [row[1:] for row in BORDERS], ids=[row[0] for row in BORDERS])
async def test_the_border_passes_and_one_beyond_is_refused(simulator, allowed, refused, code):
    await simulator.meet()
    answer = await simulator.post_graph(allowed)
    assert answer.status_code == 200, answer.text
    answer = await simulator.post_graph(refused)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text
    assert (await simulator.get("/simulator/state"))["whatsapp"]["sends"] == 1


async def test_error_has_the_shape_of_the_graph_api(simulator):
    await simulator.meet()
    answer = await simulator.post_graph(interactive("button", buttons(4)))
    assert answer.json() == {
        "error": {
            "message": "(#131009) Parameter value is not valid",
            "type": "OAuthException",
            "code": 131009,
            "error_data": {
                "messaging_product": "whatsapp",
                "details": "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3",
            },
            "fbtrace_id": "Asimulated00000000000000",
        }
    }


@pytest.mark.parametrize("to", ["Ada", "+49", "1555010012345678", BSUID, "15550100a", "@ada"])
async def test_address_that_is_no_phone_is_refused(simulator, to):
    body = to_customer("text", {"body": "Hi"}, to=to)
    answer = await simulator.post_graph(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize("recipient", [PHONE, "US.", "us.123", "Ada", ""])
async def test_recipient_that_is_no_user_id_is_refused(simulator, recipient):
    body = to_customer("text", {"body": "Hi"}, recipient=recipient)
    del body["to"]
    answer = await simulator.post_graph(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_phone_is_taken_as_people_write_it(simulator):
    await simulator.meet("15550100123")
    answer = await simulator.post_graph(to_customer("text", {"body": "Hi"}, to="+1 (555) 010-0123"))
    assert answer.json()["contacts"][0]["wa_id"] == "15550100123"


async def test_own_number_is_refused(simulator, settings):
    answer = await simulator.post_graph(to_customer("text", {"body": "Hi"}, to=settings["display_phone_number"]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 131021)


@pytest.mark.parametrize("body", [[], {"to": PHONE}, {"messaging_product": "sms"}, {"messaging_product": "whatsapp"}])
async def test_body_that_is_no_message_is_refused(simulator, body):
    answer = await simulator.post_graph(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_body_that_is_no_json_is_refused(simulator):
    headers = {"authorization": "Bearer EAAtoken"}
    answer = await simulator.client.post("/graph/v24.0/106540352242922/messages", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_wrong_token_is_refused_with_code_190(simulator):
    answer = await simulator.post_graph({}, token="another")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)


async def test_revoked_token_is_refused_until_it_is_restored(simulator):
    await simulator.meet()
    await simulator.control("PUT", "/token", {"revoked": True})
    for _ in range(2):
        answer = await simulator.send()
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)
    await simulator.control("PUT", "/token", {"revoked": False})
    assert (await simulator.send()).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "1/messages"), ("POST", "1/media"), ("GET", "1"), ("DELETE", "1")])
async def test_object_that_does_not_exist_is_told_as_the_graph_api_does(simulator, method, path):
    headers = {"authorization": "Bearer EAAtoken"}
    answer = await simulator.client.request(method, f"/graph/v24.0/{path}", headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)
    assert (error["type"], error["message"].split(".")[0]) == ("GraphMethodException", f"Unsupported {method.lower()} request")


@pytest.mark.parametrize(("method", "path"), [("GET", "v24.0/106540352242922/registry"), ("PUT", "v24.0/1"), ("GET", "")])
async def test_path_that_does_not_exist_is_an_error_of_the_graph_api(simulator, method, path):
    headers = {"authorization": "Bearer EAAtoken"}
    answer = await simulator.client.request(method, f"/graph/{path}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2500)


async def test_typing_and_read_mark_need_a_message_of_the_customer(simulator):
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": await simulator.meet()}
    ours = (await simulator.send()).json()["messages"][0]["id"]
    assert (await simulator.post_graph(mark)).status_code == 200
    for broken in ({"message_id": "wamid.x"}, {"message_id": ours}, {"message_id": "x"}):
        answer = await simulator.post_graph(mark | broken)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 131009)
    for broken in ({"message_id": 7}, {"status": "delivered"}, {"typing_indicator": {"type": "voice"}}):
        answer = await simulator.post_graph(mark | broken)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_reaction_to_a_message_that_is_not_in_the_thread_is_accepted_and_then_fails(simulator, waystate, until):
    wamid = await simulator.meet()
    elsewhere = await simulator.meet("15550101")
    for target, fate in ((wamid, ["sent"]), ("wamid.x", ["failed"]), (elsewhere, ["failed"])):
        answer = await simulator.post_graph(to_customer("reaction", {"message_id": target, "emoji": "👍"}))
        sent = answer.json()["messages"][0]["id"]
        await until(lambda: waystate.statuses)
        assert [(status["id"], status["status"]) for status in waystate.statuses] == [(sent, fate[0])]
        codes = [error["code"] for status in waystate.statuses for error in status.get("errors", [])]
        assert codes == [131009] * (fate == ["failed"])
        waystate.statuses.clear()


class World:
    """A simulator whose time a test moves."""

    def __init__(self, client, moment):
        self.client = client
        self.moment = moment

    def forward(self, **time):
        self.moment[0] += timedelta(**time)

    async def write(self, identity=PHONE, **order):
        answer = await self.client.post(f"/simulator/customers/{identity}/messages", json=order)
        assert answer.status_code == 202, answer.text

    async def send(self, **fields):
        body = to_customer("text", {"body": "Hi"}) | fields
        headers = {"authorization": "Bearer EAAtoken"}
        answer = await self.client.post("/graph/v24.0/106540352242922/messages", json=body, headers=headers)
        return 200 if answer.status_code == 200 else answer.json()["error"]["code"]


@pytest.fixture
async def world(waystate, settings):
    moment = [datetime(2026, 11, 1, tzinfo=UTC)]
    config = SimulatorConfig(**settings)
    app = create_simulator(config, transport=httpx2.ASGITransport(waystate), clock=lambda: moment[0])
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:3006") as client,
    ):
        yield World(client, moment)


async def test_free_text_is_refused_a_day_after_the_customer_last_wrote(world):
    await world.write()
    world.forward(hours=23, minutes=59, seconds=59)
    assert await world.send() == 200
    world.forward(seconds=1)
    assert await world.send() == 131047
    assert await world.send(type="image", image=LINKED) == 131047
    await world.write()
    assert await world.send() == 200


async def test_free_text_to_who_never_wrote_is_refused_and_makes_no_customer(world):
    assert await world.send() == 131047
    assert (await world.client.get("/simulator/state")).json()["customers"]["count"] == 0
    await world.client.patch("/simulator/rules", json={"window": False})
    assert await world.send() == 200


async def test_customer_gets_45_at_once_and_then_one_in_6_seconds(world):
    await world.write()
    await world.write("15550101")
    assert [await world.send() for _ in range(46)] == [200] * 45 + [131056]
    assert await world.send(to="15550101") == 200
    world.forward(seconds=5)
    assert await world.send() == 131056
    world.forward(seconds=1)
    assert [await world.send() for _ in range(2)] == [200, 131056]


async def test_pair_limit_can_be_set_and_lifted(world):
    await world.write()
    await world.client.patch("/simulator/rules", json={"pair_burst": 1, "pair_interval": 2})
    assert [await world.send() for _ in range(2)] == [200, 131056]
    world.forward(seconds=2)
    assert await world.send() == 200
    await world.client.patch("/simulator/rules", json={"pair_interval": 0})
    assert [await world.send() for _ in range(50)] == [200] * 50


async def test_number_sends_80_in_a_second(world):
    await world.client.patch("/simulator/rules", json={"pair_interval": 0})
    await world.write()
    assert [await world.send() for _ in range(81)] == [200] * 80 + [130429]
    world.forward(seconds=0.5)
    assert [await world.send() for _ in range(41)] == [200] * 40 + [130429]


async def test_rules_can_be_set_at_the_start(simulate):
    simulator = await simulate(rules={"messages_per_second": 2, "window": False})
    bodies = [to_customer("text", {"body": "Hi"}) for _ in range(3)]
    assert [(await simulator.post_graph(body)).status_code for body in bodies] == [200, 200, 400]
    assert (await simulator.get("/simulator/state"))["rules"]["messages_per_second"] == 2


async def test_the_next_sends_fail_with_the_ordered_code(simulator, waystate, until):
    await simulator.meet()
    await simulator.control("POST", "/failures", {"code": 131042, "count": 2})
    await simulator.control("POST", "/failures", {"code": 424242, "http_status": 418, "title": "Teapot", "details": "Short"})
    answers = [await simulator.send() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 418, 200]
    assert answers[0].json()["error"]["message"] == "(#131042) Business eligibility payment issue"
    error = answers[2].json()["error"]
    assert (error["message"], error["code"], error["error_data"]["details"]) == ("(#424242) Teapot", 424242, "Short")
    assert (await simulator.get("/simulator/state"))["whatsapp"]["sends"] == 1


async def test_the_next_sends_are_accepted_and_fail_later(simulator, waystate, until):
    await simulator.meet()
    await simulator.control("POST", "/failures", {"code": 131049, "told": "status"})
    wamid = (await simulator.send()).json()["messages"][0]["id"]
    await until(lambda: waystate.statuses)
    (status,) = waystate.statuses
    assert (status["id"], status["status"], status["errors"][0]["code"]) == (wamid, "failed", 131049)
    assert status["errors"][0]["error_data"] == {"details": "Ordered of the simulator."}


async def test_ordered_failures_can_be_called_off(simulator):
    await simulator.meet()
    await simulator.control("POST", "/failures", {"code": 131042, "count": 1000})
    await simulator.control("DELETE", "/failures")
    assert (await simulator.send()).status_code == 200


def prices(waystate):
    return [
        (status["pricing"]["type"], status["pricing"]["category"], status["pricing"]["billable"])
        for status in waystate.statuses
        if status["status"] == "delivered"
    ]


async def test_service_messages_are_free_up_to_the_tier_and_then_charged(simulate, waystate, until):
    simulator = await simulate(rules={"free_tier": 2})
    for number in range(3):
        await simulator.send(opaque=f"m-{number}")
        await until(lambda most=3 * (number + 1): len(waystate.statuses) == most)
    assert prices(waystate)[:2] == [("free_customer_service", "service", False)] * 2
    assert prices(waystate)[2:] == [("regular", "service", True)]
    assert ["pricing" in status for status in waystate.statuses] == [True, True, False] * 3


async def test_answer_to_who_came_by_an_advertisement_is_free_and_says_until_when(simulate, waystate, until):
    simulator = await simulate(rules={"free_tier": 0})
    message = {"type": "text", "text": {"body": "Hi"}, "referral": {"source_type": "ad", "source_id": "1"}}
    await simulator.control("POST", f"/customers/{PHONE}/messages", {"message": message})
    await simulator.post_graph(to_customer("text", {"body": "Hi"}))
    await until(lambda: len(waystate.statuses) == 3)
    assert prices(waystate) == [("free_entry_point", "referral_conversion", False)]
    conversation, at = waystate.statuses[0]["conversation"], int(waystate.statuses[0]["timestamp"])
    assert conversation["origin"] == {"type": "referral_conversion"}
    assert abs(int(conversation["expiration_timestamp"]) - at - 72 * 3600) < 5
    assert "conversation" not in waystate.statuses[1]


def form(type="image/png", content=b"\x89PNG\r\n\x1a\n" + bytes(range(256)), **fields):
    said = {"messaging_product": "whatsapp"} | fields
    return {"data": {name: value for name, value in said.items() if value}, "files": {"file": ("a", content, type)}}


async def upload(simulator, **parts):
    headers = {"authorization": "Bearer EAAtoken"}
    return await simulator.client.post("/graph/v24.0/106540352242922/media", headers=headers, **parts)


async def test_upload_is_described_fetched_sent_and_deleted(simulator):
    headers = {"authorization": "Bearer EAAtoken"}
    content = form()["files"]["file"][1]
    media_id = (await upload(simulator, **form())).json()["id"]
    said = (await simulator.client.get(f"/graph/v24.0/{media_id}", headers=headers)).json()
    assert (said["id"], said["mime_type"], said["file_size"], len(said["sha256"])) == (media_id, "image/png", len(content), 64)
    fetched = await simulator.client.get(said["url"], headers=headers)
    assert (fetched.content, fetched.headers["content-type"]) == (content, "image/png")
    assert (await simulator.client.get(said["url"])).status_code == 401
    assert (await simulator.client.get(said["url"].split("?")[0] + "?ext=1", headers=headers)).status_code == 404

    await simulator.meet()
    assert (await simulator.post_graph(to_customer("image", {"id": media_id}))).status_code == 200
    deleted = await simulator.client.delete(f"/graph/v24.0/{media_id}", headers=headers)
    assert deleted.json() == {"success": True}
    answer = await simulator.post_graph(to_customer("image", {"id": media_id}))
    assert answer.json()["error"]["error_data"]["details"] == (
        "Param image['id'] is not a valid whatsapp business account media attachment ID"
    )


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (form(messaging_product=None), 100),
        ({"data": {"messaging_product": "whatsapp"}, "files": {"other": ("a", b"x", "image/png")}}, 100),
        ({"json": {"messaging_product": "whatsapp"}}, 100),
        (form(type="image/tiff"), 100),
        (form(content=b""), 131053),
        (form(content=bytes((5 << 20) + 1)), 131053),
        (form(type="image/webp", content=bytes((500 << 10) + 1)), 131053),
    ],
    ids=["no product", "no file", "no form", "type", "empty", "image", "sticker"],
)
async def test_upload_that_whatsapp_does_not_take_is_refused(simulator, parts, code):
    answer = await upload(simulator, **parts)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(("type", "size"), [("image/jpeg", 5 << 20), ("image/webp", 500 << 10), ("audio/ogg; codecs=opus", 1)])
async def test_upload_of_the_largest_size_is_taken(simulator, type, size):
    assert (await upload(simulator, **form(type=type, content=bytes(size)))).status_code == 200


async def test_file_that_is_not_what_it_is_sent_as_is_accepted_and_then_fails(simulator, waystate, until):
    media_id = (await upload(simulator, **form(type="application/pdf"))).json()["id"]
    await simulator.meet()
    assert (await simulator.post_graph(to_customer("document", {"id": media_id}))).status_code == 200
    await until(lambda: len(waystate.statuses) == 3)
    assert (await simulator.post_graph(to_customer("image", {"id": media_id}))).status_code == 200
    await until(lambda: len(waystate.statuses) == 4)
    assert (waystate.statuses[3]["status"], waystate.statuses[3]["errors"][0]["code"]) == ("failed", 131053)
