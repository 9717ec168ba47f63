"""Templates: listed by pages, judged by their parameters, changed with webhooks."""

import pytest

NEVER_WROTE, BSUID = "15550100777", "US.13491208655302741918"
BEARER = {"authorization": "Bearer EAAtoken"}
LINK = {"link": "https://shop.example.com/a.png"}


def text(*values, **named):
    positional = [{"type": "text", "text": value} for value in values]
    return positional + [{"type": "text", "text": value, "parameter_name": name} for name, value in named.items()]


def part(type, *parameters, **fields):
    return {"type": type, "parameters": list(parameters)} | fields


def button(place, sub_type, parameter):
    return part("button", parameter, sub_type=sub_type, index=place)


def medium(kind="image", **content):
    return {"type": kind, kind: content or LINK}


def url(place=0, value="spring"):
    return button(place, "url", {"type": "text", "text": value})


def code(value="SPRING25", place=0):
    return button(place, "copy_code", {"type": "coupon_code", "coupon_code": value})


def payload(value, place=0):
    return button(place, "quick_reply", {"type": "payload", "payload": value})


def offer(time=1_800_000_000_000):
    return part("limited_time_offer", {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": time}})


def cards(*places):
    made = [part("header", medium()), part("body", *text("4.90 €")), url(1, "fern")]
    return {"type": "carousel", "cards": [{"card_index": place, "components": made} for place in places]}


def order(name="Ada", number="4711", day="Friday"):
    return [part("header", *text(number)), part("body", *text(name, number, day))]


def dear(**named):
    return [part("body", *text(**named))]


ADA = {"first_name": "Ada", "date": "Monday"}
SALE = [part("header", medium()), part("body", *text("Ada", "Sunday")), url()]
LAST = [part("header", medium()), part("body", *text("Ada")), offer(), code("LAST10"), url(1)]
PLANTS = [part("body", *text("Ada")), cards(0, 1)]
SIGN_IN = [part("body", *text("123456")), url(0, "123456")]


def template(name, components, language="en_US", **fields):
    content = {"name": name, "language": {"code": language}, "components": components}
    return {"messaging_product": "whatsapp", "to": NEVER_WROTE, "type": "template", "template": content} | fields


TAKEN = [
    ("welcome", []),
    ("order_update", order()),
    ("appointment", dear(**ADA)),
    ("appointment", [*dear(date="Monday", first_name="Ada"), payload("yes"), payload("no", 1)]),
    ("invoice", [part("header", medium("document", **LINK, filename="a.pdf")), part("body", *text("May"))]),
    ("our_shop", [part("header", {"type": "location", "location": {"latitude": "1", "longitude": "2", "name": "Shop"}})]),
    ("spring_sale", SALE),
    ("spring_sale", [*SALE, payload("stop", 2)]),
    ("voucher", [part("body", *text("Ada")), code("x" * 15)]),
    ("plants", PLANTS),
    ("last_days", LAST),
    ("sign_in_code", SIGN_IN),
]


@pytest.mark.parametrize(("name", "components"), TAKEN)
async def test_template_with_fitting_parameters_goes_to_who_never_wrote(simulator, waystate, until, name, components):
    answer = await simulator.post_graph(template(name, components))
    assert answer.status_code == 200, answer.text
    await until(lambda: len(waystate.statuses) == 3)
    assert waystate.statuses[0]["recipient_id"] == NEVER_WROTE
    refused = await simulator.post_graph({**template(name, []), "type": "text", "text": {"body": "Hi"}})
    assert refused.json()["error"]["code"] == 131047, "a template opens no window"


REFUSED = [
    ("one too few", "order_update", [part("header", *text("4711")), part("body", *text("Ada", "4711"))], 132000),
    ("one too many", "order_update", [part("header", *text("4711")), part("body", *text("1", "2", "3", "4"))], 132000),
    ("no header", "order_update", order()[1:], 132000),
    ("parameters for none", "welcome", [part("body", *text("Ada"))], 132000),
    ("name missing", "appointment", dear(first_name="Ada"), 132000),
    ("names missing", "appointment", [part("body", *text("Ada", "Monday"))], 100),
    ("other names", "appointment", dear(first_name="Ada", day="Monday"), 100),
    ("medium for a text", "order_update", [part("header", medium()), order()[1]], 132012),
    ("medium in a body", "voucher", [part("body", medium()), code()], 132012),
    ("empty text", "voucher", [part("body", *text("")), code()], 131008),
    ("new line", "voucher", [part("body", *text("A\nB")), code()], 132018),
    ("tab", "voucher", [part("body", *text("A\tB")), code()], 132018),
    ("five spaces", "voucher", [part("body", *text("A     B")), code()], 132018),
    ("too long", "voucher", [part("body", *text("x" * 1005)), code()], 132005),
    ("header missing", "spring_sale", SALE[1:], 132012),
    ("another kind of header", "spring_sale", [part("header", medium("video")), *SALE[1:]], 132012),
    ("unknown media", "spring_sale", [part("header", medium(id="1")), *SALE[1:]], 100),
    ("link that is none", "spring_sale", [part("header", medium(link="a.png")), *SALE[1:]], 100),
    ("nowhere", "our_shop", [part("header", {"type": "location", "location": {"name": "Shop"}})], 132012),
    ("end of the url missing", "spring_sale", SALE[:2], 131008),
    ("button that takes none", "spring_sale", [*SALE, url(1)], 132018),
    ("button that is none", "spring_sale", [*SALE, url(3)], 132018),
    ("button twice", "spring_sale", [*SALE, url()], 132018),
    ("code missing", "voucher", [part("body", *text("Ada"))], 131008),
    ("code too long", "voucher", [part("body", *text("Ada")), code("x" * 16)], 132012),
    ("text for a code", "voucher", [part("body", *text("Ada")), button(0, "copy_code", text("A")[0])], 132012),
    ("payload too long", "appointment", [*dear(**ADA), payload("x" * 129)], 132012),
    ("one card", "plants", [PLANTS[0], cards(0)], 132012),
    ("three cards", "plants", [PLANTS[0], cards(0, 1, 2)], 132012),
    ("a card twice", "plants", [PLANTS[0], cards(0, 0)], 132012),
    ("no cards", "plants", PLANTS[:1], 132012),
    ("no end of the offer", "last_days", [LAST[0], LAST[1], *LAST[3:]], 132012),
    ("end that is no number", "last_days", [LAST[0], LAST[1], offer("soon"), *LAST[3:]], 132012),
    ("offer where none is", "welcome", [offer()], 132012),
    ("footer", "welcome", [part("footer", *text("x"))], 100),
    ("body twice", "voucher", [part("body", *text("Ada")), part("body", *text("Ada")), code()], 100),
    ("no code to sign in", "sign_in_code", SIGN_IN[:1], 131008),
]


@pytest.mark.parametrize(("name", "components", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_template_with_other_parameters_is_refused(simulator, name, components, code):
    answer = await simulator.post_graph(template(name, components))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text
    assert (await simulator.get("/simulator/state"))["customers"]["count"] == 0


async def test_longest_text_and_four_spaces_are_taken(simulator):
    for value in ("x" * 1004, "A    B"):
        answer = await simulator.post_graph(template("voucher", [part("body", *text(value)), code()]))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("name", "language"), [("nobody", "en_US"), ("welcome", "de"), ("welcome", "en")])
async def test_template_that_does_not_exist_in_a_language_is_refused(simulator, name, language):
    answer = await simulator.post_graph(template(name, [], language))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, 132001)
    assert error["error_data"]["details"] == f"template name ({name}) does not exist in {language}"


@pytest.mark.parametrize(
    ("status", "http", "code"),
    [("PAUSED", 400, 132015), ("DISABLED", 400, 132016), ("REJECTED", 404, 132001), ("PENDING", 404, 132001)],
)
async def test_template_that_is_not_approved_is_refused_until_it_is(simulator, waystate, until, status, http, code):
    await simulator.control("PATCH", "/templates/welcome/en_US", {"status": status})
    answer = await simulator.post_graph(template("welcome", []))
    assert (answer.status_code, answer.json()["error"]["code"]) == (http, code)
    await simulator.control("PATCH", "/templates/welcome/en_US", {"status": "APPROVED"})
    assert (await simulator.post_graph(template("welcome", []))).status_code == 200
    await until(lambda: len(waystate.changes) == 2)
    assert {value["event"] for _, value in waystate.changes} == {status, "APPROVED"}


async def test_code_to_sign_in_does_not_go_to_a_user_id(simulator):
    to_user = {"to": None, "recipient": BSUID}
    answer = await simulator.post_graph(template("sign_in_code", SIGN_IN, **to_user))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 131062)
    assert (await simulator.post_graph(template("welcome", [], **to_user))).status_code == 200
    both = {"recipient": BSUID}
    assert (await simulator.post_graph(template("sign_in_code", SIGN_IN, **both))).status_code == 200


@pytest.mark.parametrize(("name", "components", "category"), [("welcome", [], "utility"), ("spring_sale", SALE, "marketing")])
async def test_template_is_charged_by_its_category(simulator, waystate, until, name, components, category):
    await simulator.post_graph(template(name, components))
    await until(lambda: len(waystate.statuses) == 3)
    assert waystate.statuses[1]["pricing"] == {
        "billable": True,
        "pricing_model": "PMP",
        "type": "regular",
        "category": category,
    }


async def pages(simulator, query):
    """All pages, by the links that each gives to the next."""
    path, found = f"/graph/v24.0/102290129340398/message_templates?{query}", []
    while path:
        answer = await simulator.client.get(path, headers=BEARER)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        path = found[-1].get("paging", {}).get("next")
    return found


async def test_templates_are_listed_by_pages(simulator):
    (whole,) = await pages(simulator, "limit=100")
    small = await pages(simulator, "limit=3&fields=name,language,status")
    assert [len(page["data"]) for page in small] == [3] * 7
    assert [each["id"] for page in small for each in page["data"]] == [each["id"] for each in whole["data"]]
    assert set(small[0]["data"][0]) == {"id", "name", "language", "status"}
    assert set(small[0]["paging"]["cursors"]) == {"before", "after"}
    after = small[0]["paging"]["cursors"]["after"]
    again = await simulator.client.get(f"/graph/v24.0/102290129340398/message_templates?limit=3&after={after}", headers=BEARER)
    assert [each["name"] for each in again.json()["data"]] == [each["name"] for each in small[1]["data"]]
    kinds = {kind["type"] for each in whole["data"] for kind in each["components"]}
    assert kinds == {"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=order_update", ["order_update"] * 2),
        ("name=order_update&language=de", ["order_update"]),
        ("category=AUTHENTICATION", ["sign_in_code"]),
        ("status=PAUSED", []),
    ],
)
async def test_templates_can_be_asked_for_by_what_they_are(simulator, query, names):
    (page,) = await pages(simulator, query)
    assert [each["name"] for each in page["data"]] == names


@pytest.mark.parametrize("query", ["after=nonsense", "limit=0", "limit=many"])
async def test_page_that_cannot_be_is_refused(simulator, query):
    answer = await simulator.client.get(f"/graph/v24.0/102290129340398/message_templates?{query}", headers=BEARER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_templates_of_another_account_are_not_listed(simulator):
    answer = await simulator.client.get("/graph/v24.0/1/message_templates", headers=BEARER)
    assert (answer.status_code, answer.json()["error"]["error_subcode"]) == (400, 33)
    assert (await simulator.client.get("/graph/v24.0/102290129340398/message_templates")).status_code == 401


async def test_every_change_of_a_template_is_told_by_a_signed_webhook(simulator, waystate, until, settings):
    body = {"status": "PAUSED", "category": "MARKETING", "correct_category": "UTILITY", "quality": "RED"}
    changed = await simulator.control("PATCH", "/templates/order_update/de", body)
    await until(lambda: len(waystate.changes) == 4)
    assert (changed["status"], changed["category"], changed["previous_category"]) == ("PAUSED", "MARKETING", "UTILITY")
    assert changed["quality_score"]["score"] == "RED"
    told = {field: value for field, value in waystate.changes if "correct_category" not in value}
    (announced,) = (value for _, value in waystate.changes if "correct_category" in value)
    for value in (*told.values(), announced):
        assert value["message_template_id"] == int(changed["id"])
        assert (value["message_template_name"], value["message_template_language"]) == ("order_update", "de")
    status = told["message_template_status_update"]
    assert (status["event"], status["reason"], status["other_info"]["title"]) == ("PAUSED", "NONE", "FIRST_PAUSE")
    category = told["template_category_update"]
    assert (category["previous_category"], category["new_category"]) == ("UTILITY", "MARKETING")
    quality = told["message_template_quality_update"]
    assert (quality["previous_quality_score"], quality["new_quality_score"]) == ("UNKNOWN", "RED")
    assert (announced["new_category"], announced["correct_category"]) == ("MARKETING", "UTILITY")
    assert waystate.badly_signed == 0


async def test_template_of_ones_own_can_be_added_and_taken_away(simulator):
    new = {"name": "mine", "category": "MARKETING", "components": [{"type": "BODY", "text": "Only {{1}}"}]}
    made = await simulator.control("POST", "/templates", new)
    assert (made["status"], made["language"]) == ("APPROVED", "en_US")
    assert (await simulator.post_graph(template("mine", [part("body", *text("Ada"))]))).status_code == 200
    await simulator.control("DELETE", "/templates/mine/en_US")
    assert (await simulator.post_graph(template("mine", []))).status_code == 404
    names = [each["name"] for each in (await simulator.get("/simulator/templates"))["templates"]]
    assert "mine" not in names
