import json
import time
import timeit
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest

from waystate.channels.model import AccountReport, Ignored, Unusable
from waystate.channels.whatsapp.lines import Surroundings, agents_text
from waystate.channels.whatsapp.parse import find_numbers, parse_webhook
from waystate.documents import Unreadable
from waystate.messages.model import InboundMessage, StatusReport

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUDGET = 16
"""Times of reading the same body as JSON; it is 10.7, whatever the machine does beside it."""
SENT = datetime(2025, 6, 16, 16, 24, 5, tzinfo=UTC)
BSUID, PARENT = "US.13491208655302741918", "US.ENT.11815799212886844830"
MESSAGE_KINDS = [
    *("audio", "bsuid_no_phone", "button", "context_reply", "document", "edit", "forwarded", "image", "location", "order"),
    *("interactive_button_reply", "interactive_list_reply", "interactive_nfm_reply", "interactive_call_permission_reply"),
    *("interactive_other", "reaction", "referral", "referred_product", "sticker", "system", "text", "unsupported", "video"),
    *("multi_message", "multi_entry", "bare_change/text", "bare_change/bsuid_no_phone"),
]
STATUS_KINDS = [
    *("status_delivered", "status_failed", "status_group", "status_played", "status_read", "status_sent"),
    "bare_change/status_read",
]
ACCOUNT_KINDS = [
    *("account_alerts", "account_review_update", "account_settings_update", "account_update", "business_username_update"),
    *("group_lifecycle_update", "group_participants_update", "group_settings_update", "group_status_update"),
    *("phone_number_name_update", "phone_number_quality_update", "unknown_or_malformed"),
    "user_id_update",
]


def message(**fields):
    """One text message of a customer; a field set to None is left out."""
    whole = {"from": "16505551234", "id": "wamid.A", "timestamp": "1750091045", "type": "text", "text": {"body": "Hi"}} | fields
    return {key: value for key, value in whole.items() if value is not None}


def envelope(*messages, contacts=None, statuses=None, **value):
    body = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "+1 555", "phone_number_id": "106"}} | value
    body |= {"messages": list(messages)} if messages else {}
    body |= {"contacts": contacts} if contacts is not None else {}
    body |= {"statuses": statuses} if statuses is not None else {}
    return {"object": "whatsapp_business_account", "entry": [{"id": "102", "changes": [{"field": "messages", "value": body}]}]}


def items_of(document, **options):
    return parse_webhook(json.dumps(document).encode(), options.pop("received_at", NOW), **options).items


def only(document, **options):
    (item,) = items_of(document, **options)
    return item.value


def kinds_in(corpus, kinds):
    """(file, value) of every item of these kinds of the corpus."""
    for name, body in corpus.files(*(f"whatsapp/{kind}" for kind in kinds)):
        for item in parse_webhook(body, NOW, "o").items:
            yield name, item.value


def test_corpus_messages_all_become_messages(corpus):
    for name, value in kinds_in(corpus, MESSAGE_KINDS):
        if isinstance(value, AccountReport):
            assert value.field == "messages", name
            continue
        assert isinstance(value, InboundMessage), (name, value)
        assert value.text, name
        assert value.wa_id or value.user_id, name
        assert value.sent_at <= NOW, name
        assert value.origin.startswith("o:"), name


def test_corpus_contacts_are_messages_unless_the_body_has_none(corpus):
    values = [value for _, value in kinds_in(corpus, ["contacts"])]
    kinds = Counter(type(value).__name__ for value in values)
    assert kinds["Ignored"] == 1
    assert kinds["InboundMessage"] >= 5
    unusable = [value.payload["from"] for value in values if isinstance(value, Unusable)]
    assert unusable == ["REDACTED"], "who published it took the number out"


def test_corpus_statuses_all_become_reports(corpus):
    for name, value in kinds_in(corpus, STATUS_KINDS):
        assert isinstance(value, StatusReport), (name, value)
        assert value.status in {"sent", "delivered", "read", "played", "failed"}, name
        assert (value.error is not None) == (value.status == "failed"), name


def test_corpus_of_fields_of_accounts_is_kept_by_name(corpus):
    for name, value in kinds_in(corpus, ACCOUNT_KINDS):
        if isinstance(value, Ignored):
            assert value.what == "messages", name
            continue
        assert isinstance(value, AccountReport), (name, value)
        assert value.field, name


def test_corpus_items_of_a_batch_keep_their_places(corpus):
    body = corpus.one("whatsapp/multi_change/piusalfred__webhooks-test-payload-2.json")
    items = parse_webhook(body, NOW).items
    assert [item.item for item in items] == ["0.0.m0", "0.0.m1", "0.1.m0", "0.1.m1", "0.2.p0", "0.2.p1"]
    assert [type(item.value).__name__ for item in items] == ["InboundMessage"] * 4 + ["PreferenceReport"] * 2
    assert {item.phone_number_id for item in items} == {"1093849293"}
    assert items[1].value.type == "location", "the type is missing there and is told by the object"


def test_corpus_entries_of_two_numbers_are_routed_apart(corpus):
    body = corpus.one("whatsapp/multi_entry/dogalyir__unified-test-payload.json")
    assert [(item.phone_number_id, item.waba_id) for item in parse_webhook(body, NOW).items] == [
        ("27681414235104944", "8856996819413533"),
        ("27681414235104945", "8856996819413534"),
    ]


def test_text_message_carries_everything_the_pipeline_needs():
    contacts = [{"profile": {"name": "Sheena"}, "wa_id": "16505551234", "user_id": BSUID, "parent_user_id": PARENT}]
    context = {"from": "106", "id": "wamid.0"}
    (item,) = items_of(envelope(message(context=context), contacts=contacts), origin="2026-11-20/7")
    assert (item.item, item.phone_number_id, item.waba_id) == ("0.0.m0", "106", "102")
    assert item.value == InboundMessage(
        wamid="wamid.A",
        phone_number_id="106",
        display_phone_number="+1 555",
        sent_at=SENT,
        wa_id="16505551234",
        user_id=BSUID,
        parent_user_id=PARENT,
        contact_name="Sheena",
        type="text",
        text="Hi",
        content={"body": "Hi"},
        metadata={"context": context},
        origin="2026-11-20/7:0.0.m0",
    )


def test_bare_change_reads_like_the_first_change_of_an_envelope():
    document = envelope(message())
    bare = document["entry"][0]["changes"][0]
    assert only(bare) == only(document)
    assert [item.item for item in items_of(bare)] == ["0.0.m0"]


MAP = "https://www.google.com/maps/search/?api=1&query="
FLOW = "[form: city: Pune, a: x, y]"
ROW = "A long row title"
TWO = "\n1 × a, 2 USD each\n1 × b, 2 EUR each"
ABSURD = "[order: 1 item]\n1e999999999 × a, 9e999999999 USD each"


def product(name, quantity, price, currency):
    return {"product_retailer_id": name, "quantity": quantity, "item_price": price, "currency": currency}


LINES = [
    ("text", {"body": "two\nlines"}, "two\nlines"),
    ("text", {}, "[empty message]"),
    ("image", {"id": "1"}, "[image]"),
    ("image", {"id": "1", "caption": "Taj Mahal"}, "Taj Mahal"),
    ("document", {"id": "1", "filename": "a.pdf"}, "[document: a.pdf]"),
    ("document", {"id": "1", "filename": "\u202efdp.exe]\r\n[document: b"}, "[document: fdp.exe] [document: b]"),
    ("audio", {"id": "1", "voice": True}, "[voice message]"),
    ("audio", {"id": "1", "voice": False}, "[audio]"),
    ("voice", {"id": "1"}, "[voice message]"),
    ("sticker", {"id": "1"}, "[sticker]"),
    (
        "location",
        {"latitude": 1.5, "longitude": -2, "name": "HQ", "address": "Way 1"},
        f"[location: HQ, Way 1 (1.5, -2)] {MAP}1.5,-2",
    ),
    ("location", {"latitude": 1.5, "longitude": -2}, f"[location: 1.5, -2] {MAP}1.5,-2"),
    ("location", {"latitude": "1.5", "longitude": None, "name": "HQ"}, "[location: HQ (1.5)]"),
    ("location", {"longitude": -2, "url": "https://a.test"}, "[location: -2] https://a.test"),
    ("location", {"latitude": "1&x=", "longitude": -2}, "[unsupported message] location"),
    ("location", "here", "[unsupported message] location"),
    ("contacts", [{"name": {"formatted_name": "Ann"}, "phones": [{"phone": "+1"}]}], "[contact: Ann, +1]"),
    ("contacts", [{"name": {"formatted_name": "Ann"}}, {"phones": [{"wa_id": "2"}]}], "[contacts: Ann; 2]"),
    ("contacts", [], "[contact]"),
    (
        "contacts",
        [{"name": {"first_name": "Ann", "last_name": "Ex"}, "org": {"company": "Ex Ltd"}, "emails": [{"email": "a@ex.test"}]}],
        "[contact: Ann Ex, Ex Ltd, a@ex.test]",
    ),
    ("interactive", {"type": "button_reply", "button_reply": {"id": "b", "title": "Yes"}}, "Yes"),
    ("interactive", {"type": "list_reply", "list_reply": {"id": "b", "title": "Row", "description": "d"}}, "Row"),
    (
        "interactive",
        {"type": "nfm_reply", "nfm_reply": {"response_json": '{"a":"x","b":2,"flow_token":"t"}'}},
        "[form: a: x, b: 2]",
    ),
    ("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "{", "body": "Sent"}}, "[form: Sent]"),
    ("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": '{"values":{"city":"Pune"},"a":["x","y"]}'}}, FLOW),
    ("interactive", {"type": "list_reply", "list_reply": {"title": "A long row ti…", "description": "A long row title"}}, ROW),
    ("interactive", {"type": "button_reply", "button_reply": {"id": "b", "title": " "}}, "b"),
    ("interactive", {"type": "new_reply"}, "[unsupported message] interactive, new_reply"),
    ("button", {"text": "", "payload": ""}, "[button]"),
    ("button", {"text": " \u200b", "payload": "P"}, "P"),
    ("button", {"text": "\u2800", "payload": "\ufeff"}, "[button]"),
    ("text", {"body": " \u200e"}, "[empty message]"),
    ("text", "Hi", "Hi"),
    ("text", {"body": ["Hi"]}, "[unsupported message] text"),
    ("text", {"body": 5}, "5"),
    ("image", {"caption": {}}, "[unsupported message] image"),
    ("text", {"body": "\U0001f9e9"}, "\U0001f9e9"),
    ("button", {"text": "SIM", "payload": "P"}, "SIM"),
    ("reaction", {"message_id": "w", "emoji": "👍"}, "[reaction 👍]"),
    ("reaction", {"message_id": "w", "emoji": ""}, "[reaction removed]"),
    ("reaction", {"message_id": "w"}, "[reaction removed]"),
    ("order", {"product_items": [{}, {}]}, "[order: 2 items]"),
    ("order", {"product_items": [{}], "text": "quick"}, "[order: 1 item] quick"),
    (
        "order",
        {"product_items": [product("a", 2, 30, "USD"), product("b", 1, 25.5, "USD")]},
        "[order: 2 items, 85.5 USD]\n2 × a, 30 USD each\n1 × b, 25.5 USD each",
    ),
    ("order", {"product_items": [product("a", "1", "2", "USD"), product("b", 1, 2, "EUR")]}, "[order: 2 items]" + TWO),
    ("order", {"product_items": [product("a", "1e999999999", "9e999999999", "USD")]}, ABSURD),
    ("order", {"product_items": [None, product("a", None, None, None)]}, "[order: 1 item]\n? × a"),
    ("order", {"product_items": ["x", product("a", 1, 2, "USD")]}, "[unsupported message] order"),
    ("system", {"body": "\u200eA changed", "type": "user_changed_number"}, "[system: A changed]"),
    ("edit", {"original_message_id": "w", "message": {"type": "text", "text": {"body": "new"}}}, "[edited] new"),
    ("edit", {"message": {"type": "edit", "edit": {}}}, "[edited]"),
    ("revoke", {"original_message_id": "w"}, "[message deleted]"),
    ("request_welcome", None, "[chat opened]"),
    ("unsupported", {"type": "pin"}, "[unsupported message] pin"),
    ("hologram", {"x": 1}, "[unsupported message] hologram"),
]


@pytest.mark.parametrize(("kind", "content", "line"), LINES)
def test_every_type_has_a_line_for_the_agent(kind, content, line):
    value = only(envelope(message(type=kind, text=None) | ({kind: content} if content is not None else {})))
    assert (value.type, value.text) == (kind, line)


HOSTILE = ["1e-999999", "1E-99", "-1e-999999", "0e-999999", "1e999999", "0e999999", "NaN", "sNaN", "-Infinity", "1e-5000000000"]
HOSTILE += ["1" * 1_000_000, "0." + "0" * 1_000_000 + "1", "1." + "0" * 1_000_000, 10**400, 1e-320, 1e300, "1_" * 99 + "1"]


@pytest.mark.parametrize("number", HOSTILE)
@pytest.mark.parametrize("key", ["item_price", "quantity"])
def test_a_hostile_number_makes_no_total_and_no_long_line(number, key):
    items = [product("a", "1", "2", "USD") | {key: number}, product("b", "1", "2", "USD")]
    value = only(envelope(message(type="order", text=None, order={"product_items": items})))
    first, *lines = value.text.split("\n")
    assert (first, len(lines), lines[1]) == ("[order: 2 items]", 2, "1 × b, 2 USD each")
    assert len(lines[0]) < 150
    assert str(number)[:6] in lines[0], "the agent reads what came"


def test_a_usual_total_is_written_out():
    items = [product("a", "1", "1e-05", "USD"), product("b", 3, 19.99, "USD"), product("c", "0", "5", "USD")]
    text = only(envelope(message(type="order", text=None, order={"product_items": items}))).text
    assert text.startswith("[order: 3 items, 59.97001 USD]\n")


ENDLESS = "x" * 1_000_000
LONG = [
    *[("text", {"body": ENDLESS}), ("image", {"caption": ENDLESS}), ("document", {"filename": ENDLESS})],
    *[("location", {"name": ENDLESS, "url": ENDLESS}), ("contacts", [{"name": {"formatted_name": ENDLESS}}] * 60)],
    *[("button", {"text": ENDLESS}), ("interactive", {"type": "button_reply", "button_reply": {"title": ENDLESS}})],
    *[("reaction", {"emoji": ENDLESS}), ("order", {"product_items": [product(*[ENDLESS] * 4)] * 60, "text": ENDLESS})],
    *[("order", {"product_items": [product("a", "1", "2", ENDLESS)]}), ("system", {"body": ENDLESS})],
    *[("edit", {"message": {"type": "text", "text": {"body": ENDLESS}}}), ("hologram", {"type": ENDLESS})],
]


@pytest.mark.parametrize(("kind", "content"), LONG)
def test_no_line_is_endless(kind, content):
    value = only(envelope(message(type=kind, text=None) | {kind: content}))
    assert len(value.text) <= 65_536
    referral = {"context": {"referred_product": {"catalog_id": ENDLESS}}, "referral": {"source_url": ENDLESS}}
    for text in (value.text, ENDLESS, None):
        assert len(agents_text(value.type, text, value.content, value.media, Surroundings(referral))) < 100_000


def test_the_longest_text_of_a_customer_is_passed_on_whole():
    said = "x" * 65_535 + "!"
    assert only(envelope(message(text={"body": said}))).text == said


def test_what_whatsapp_does_not_pass_on_says_why_where_whatsapp_does():
    errors = [{"code": 131051, "title": "T", "error_data": {"details": "Message type is not supported."}}]
    assert only(envelope(message(type="unsupported", text=None, errors=errors))).text == (
        "[unsupported message] Message type is not supported."
    )
    old = [{"code": 501, "title": "Unknown", "details": "Old shape."}]
    assert only(envelope(message(type="unknown", text=None, errors=old))).text == "[unsupported message] Old shape."
    assert only(envelope(message(type="unsupported", text=None))).text == "[unsupported message]"


def test_content_is_the_platforms_object_whole():
    order = {"catalog_id": "1", "product_items": [{"quantity": 2}], "new_field": {"deep": [1]}}
    assert only(envelope(message(type="order", order=order))).content == order
    contacts = [{"name": {"formatted_name": "Ann"}}]
    assert only(envelope(message(type="contacts", contacts=contacts))).content == {"contacts": contacts}


def test_unknown_type_without_its_object_keeps_what_came():
    value = only(envelope(message(type="poll", text=None, question="?", referral={"ctwa_clid": "c"})))
    assert (value.type, value.content, value.metadata) == ("poll", {"question": "?"}, {"referral": {"ctwa_clid": "c"}})


def test_media_are_described_for_download():
    audio = {"id": "5", "mime_type": "audio/ogg; codecs=opus", "sha256": "x=", "voice": True, "url": "https://example.test/5"}
    value = only(envelope(message(type="audio", audio=audio, text=None)))
    assert value.media == audio
    assert only(envelope(message())).media is None


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("1750091045", SENT),
        (1750091045, SENT),
        (1750091045.0, SENT),
        ("1750091045000", SENT),
        ("", NOW),
        (None, NOW),
        ("yesterday", NOW),
        ("-5", NOW),
        ("0", NOW),
        ("1795", NOW),
        ("0001-01-01T00:00:00Z", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        (True, NOW),
        ("9" * 30, NOW),
        ("١٢٣", NOW),
        ({}, NOW),
        ("4102444800", NOW),  # the year 2100
    ],
)
def test_garbage_timestamp_gives_way_to_the_time_of_receipt(timestamp, expected):
    assert only(envelope(message(timestamp=timestamp))).sent_at == expected


SENDERS = [
    ({"from": ""}, [{"wa_id": "", "user_id": BSUID}], (None, BSUID, None)),
    ({"from": None, "from_user_id": BSUID, "from_parent_user_id": PARENT}, None, (None, BSUID, PARENT)),
    ({"from": BSUID}, None, (None, BSUID, None)),
    ({"from": BSUID}, [{"wa_id": BSUID}], (None, BSUID, None)),
    ({"from": PARENT}, None, (None, PARENT, PARENT)),
    ({"from": "5511987654321"}, [{"wa_id": "551187654321"}], ("551187654321", None, None)),
    ({"from": "12345", "from_user_id": BSUID}, [{"wa_id": "12345", "user_id": "US.2"}], ("12345", BSUID, None)),
    ({"from": "who", "from_user_id": BSUID}, [{"wa_id": "12345"}], (None, BSUID, None)),
    ({}, [{"wa_id": "who"}], ("16505551234", None, None)),
    ({"from": "+1234567890"}, None, ("+1234567890", None, None)),
    ({"from": 16505551234}, None, ("16505551234", None, None)),
]


@pytest.mark.parametrize(("fields", "contacts", "expected"), SENDERS)
def test_sender_is_a_phone_or_a_user_id_or_both(fields, contacts, expected):
    value = only(envelope(message(**fields), contacts=contacts))
    assert (value.wa_id, value.user_id, value.parent_user_id) == expected


def test_from_is_kept_where_the_contact_names_another_number():
    value = only(envelope(message(**{"from": "5511987654321"}), contacts=[{"wa_id": "551187654321"}]))
    assert value.metadata == {"from": "5511987654321"}


def test_one_contact_is_not_lent_to_the_other_sender_of_a_batch():
    contacts = [{"wa_id": "16505551231", "profile": {"name": "Ann"}}]
    messages = [message(**{"from": "16505551231"}), message(**{"from": "16505551232"}, id="wamid.B")]
    items = items_of(envelope(*messages, contacts=contacts))
    assert [(each.value.wa_id, each.value.contact_name) for each in items] == [("16505551231", "Ann"), ("16505551232", None)]


MISMATCHES = [
    ("5511987654321", "551187654321"),
    ("5215512345678", "525512345678"),
    ("333333333333", "222222222222"),
]
"""`from` and the `wa_id` that `contacts` have for it."""


@pytest.mark.parametrize(("origin", "wa_id"), MISMATCHES)
def test_who_writes_from_another_number_than_the_contact_has_is_the_same_alone_and_in_a_batch(origin, wa_id):
    theirs, ann = {"wa_id": wa_id, "profile": {"name": "Bea"}}, {"wa_id": "16505551231", "profile": {"name": "Ann"}}
    alone = only(envelope(message(**{"from": origin}), contacts=[theirs]))
    assert (alone.wa_id, alone.other_wa_ids, alone.contact_name) == (wa_id, (origin,), "Bea")
    for contacts in ([theirs, ann], [ann, theirs]):
        messages = [message(id="wamid.B", **{"from": "16505551231"}), message(**{"from": origin})]
        other, same = (item.value for item in items_of(envelope(*messages, contacts=contacts)))
        assert (same.wa_id, same.other_wa_ids, same.contact_name) == (wa_id, (origin,), "Bea")
        assert (other.wa_id, other.other_wa_ids, other.contact_name) == ("16505551231", (), "Ann")


def test_of_two_who_write_from_other_numbers_nobody_can_tell_whose_is_whose():
    contacts = [{"wa_id": "16505551231", "profile": {"name": "Ann"}}, {"wa_id": "16505551232", "profile": {"name": "Bea"}}]
    messages = [message(**{"from": "16505551233"}), message(id="wamid.B", **{"from": "16505551234"})]
    values = [item.value for item in items_of(envelope(*messages, contacts=contacts))]
    assert [(each.wa_id, each.other_wa_ids, each.contact_name) for each in values] == [
        ("16505551233", (), None),
        ("16505551234", (), None),
    ]


NOBODYS = ["who", "1234", "status@broadcast", "120363418770915618@g.us", "15550100101-1600000000", "US.", "us.12", "+", "1 650"]


@pytest.mark.parametrize("origin", NOBODYS)
def test_a_from_that_is_neither_a_phone_nor_a_user_id_is_no_customer(origin):
    for contacts in (None, [{"wa_id": "16505551234", "user_id": BSUID}], [{"wa_id": origin}]):
        value = only(envelope(message(**{"from": origin}), contacts=contacts))
        assert isinstance(value, Unusable)
        assert "neither a phone number" in value.why
        assert value.payload["from"] == origin


SYSTEM = [
    ({"from": "10001"}, {"wa_id": "10002", "user_id": BSUID, "type": "user_changed_number"}, None, ("10001", None)),
    ({"from": "10001"}, {"wa_id": "10002", "type": "user_changed_number"}, [{"wa_id": "10002"}], ("10001", None)),
    ({"from": None}, {"user_id": BSUID, "type": "user_changed_user_id"}, None, (None, BSUID)),
    ({"from": None}, {"user_id": BSUID, "previous_user_id": "US.2", "type": "user_changed_user_id"}, None, (None, "US.2")),
    ({"from": None}, {"customer": "10001", "wa_id": "10002"}, None, ("10001", None)),
    ({"from": None}, {"new_wa_id": "10002"}, None, ("10002", None)),
]


@pytest.mark.parametrize(("fields", "system", "contacts", "expected"), SYSTEM)
def test_system_message_belongs_to_the_person_it_speaks_of(fields, system, contacts, expected):
    value = only(envelope(message(type="system", system=system, text=None, **fields), contacts=contacts))
    assert (value.wa_id, value.user_id) == expected
    assert value.content == system


def test_username_stands_in_for_a_missing_name():
    contacts = [{"profile": {"username": "@ann"}, "wa_id": "16505551234"}]
    value = only(envelope(message(), contacts=contacts))
    assert (value.contact_name, value.metadata) == ("@ann", {"username": "@ann"})


@pytest.mark.parametrize("broken", [message(id=None), message(id=""), message(**{"from": None}), "text", None, [], 7])
def test_unusable_message_stands_alone(broken):
    first, second = items_of(envelope(broken, message()))
    assert isinstance(first.value, Unusable)
    assert first.value.payload == broken
    assert (first.item, first.phone_number_id) == ("0.0.m0", "106")
    assert isinstance(second.value, InboundMessage)


def test_message_without_a_number_is_unusable_but_has_its_account():
    (item,) = items_of(envelope(message(), metadata={}))
    assert isinstance(item.value, Unusable)
    assert (item.phone_number_id, item.waba_id) == (None, "102")


def test_status_finds_our_message_by_the_echoed_id():
    status = {"id": "wamid.A", "status": "failed", "timestamp": "1750091045", "errors": [{"code": 131047, "title": "t"}, {}]}
    ours = UUID("0193446e-8e6f-7a2b-9c3d-000000000001")
    value = only(envelope(statuses=[status | {"biz_opaque_callback_data": str(ours)}]), origin="o")
    assert value == StatusReport(
        wamid="wamid.A",
        status="failed",
        at=SENT,
        message_id=ours,
        error={"code": 131047, "title": "t"},
        details={"errors": [{"code": 131047, "title": "t"}, {}]},
        origin="o:0.0.s0",
    )


@pytest.mark.parametrize("kind", ["call", "refund"])
def test_a_status_of_something_else_than_a_message_is_ignored_by_its_name(kind):
    status = {"id": "wamid.A", "status": "failed", "timestamp": "1750091045", "type": kind, "payment": {"reference_id": "1"}}
    value = only(envelope(statuses=[status]), origin="o")
    assert isinstance(value, Ignored)
    assert value.what == kind
    assert isinstance(only(envelope(statuses=[{"type": kind}]), origin="o"), Ignored), "whatever else it lacks"


def test_a_status_that_says_it_is_a_messages_is_one():
    status = {"id": "wamid.A", "status": "sent", "timestamp": "1750091045", "type": "message"}
    assert isinstance(only(envelope(statuses=[status]), origin="o"), StatusReport)


@pytest.mark.parametrize("data", ["some data", "", None, 5, {"id": 1}])
def test_callback_data_of_another_sender_is_no_message_id(data):
    status = {"id": "wamid.A", "status": "sent", "timestamp": "1750091045", "biz_opaque_callback_data": data}
    assert only(envelope(statuses=[status])).message_id is None


def test_unknown_status_word_is_passed_on():
    assert only(envelope(statuses=[{"id": "w", "status": "warning", "timestamp": "1750091045"}])).status == "warning"


def test_status_without_word_or_id_is_unusable():
    items = items_of(envelope(statuses=[{"id": "w"}, {"status": "sent"}, None]))
    assert [type(item.value) for item in items] == [Unusable] * 3


def test_errors_of_a_change_are_the_numbers_with_their_text():
    errors = [{"code": 130429, "title": "Rate limit hit", "error_data": {"details": "slow down"}}]
    value = only(envelope(errors=errors), origin="o")
    assert isinstance(value, AccountReport)
    assert (value.field, value.event, value.severity, value.phone_number_id) == ("messages", "130429", "warning", "106")
    assert value.sentence == "WhatsApp reports an error of the number (130429): Rate limit hit: slow down."
    assert (value.value["errors"], value.origin) == (errors, "o:0.0.e0")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b'"entry"', b"{}", b'{"entry": 5}', b"\xff", b'{"value": []}']
)
def test_what_is_no_webhook_is_unreadable_with_a_reason(body):
    with pytest.raises(Unreadable, match=r"\w+ \w+"):
        parse_webhook(body, NOW)


def test_entry_without_changes_is_unusable_alone():
    document = envelope(message())
    document["entry"].insert(0, {"id": "9", "messaging": []})
    first, second = items_of(document)
    assert (first.item, type(first.value), first.waba_id) == ("0", Unusable, "9")
    assert (second.item, type(second.value)) == ("1.0.m0", InboundMessage)


@pytest.mark.parametrize("name", ["standby", "flows", "smb_message_echoes", "brand_new"])
def test_messages_under_another_field_are_not_a_customers(name):
    document = envelope(message())
    document["entry"][0]["changes"][0]["field"] = name
    (item,) = items_of(document)
    assert (item.item, item.phone_number_id, item.value.field) == ("0.0", "106", name)
    assert isinstance(item.value, AccountReport)


def test_same_body_gives_the_same_items():
    body = json.dumps(envelope(message(), message(id="wamid.B"), statuses=[{"id": "w", "status": "sent"}])).encode()
    assert parse_webhook(body, NOW, "o") == parse_webhook(body, NOW, "o")


def of_number(number: str, *, key: str = '"phone_number_id"') -> str:
    """A change as Meta writes it, whose number and its key are given as JSON."""
    return f'{{"field":"messages","value":{{"metadata":{{{key}:{number}}},"statuses":[{{"id":"w","status":"sent"}}]}}}}'


def bodied(*changes: str) -> bytes:
    return f'{{"entry":[{{"id":"1","changes":[{",".join(changes)}]}}]}}'.encode()


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (bodied(of_number('"106540352242922"')), ["106540352242922"]),
        (bodied(of_number('"2"'), of_number('"1"'), of_number('"2"')), ["2", "1"]),
        (bodied(of_number(' \n"2"\t'), of_number('"1" ', key='"phone_number_id" \r\n ')), ["2", "1"]),
        (bodied(of_number("15"), of_number("16 ")), ["15", "16"]),
        (bodied(of_number("1e2"), of_number("-7"), of_number("12345678901234567890")), ["100.0", "-7", "12345678901234567890"]),
        (bodied(of_number('"1"'), of_number('"2"', key=r'"phone\u005Fnumber_id"')), ["1", "2"]),
        (bodied(of_number('"1"'), of_number('"2"', key=r'"\u0070hone_number_id"')), ["1", "2"]),
        (bodied(of_number(r'"10\u0030"'), of_number(r'"1\/2"')), ["100", "1/2"]),
        (bodied(of_number('" 1"'), of_number('"Zürich, 2"')), [" 1", "Zürich, 2"]),
        (bodied(of_number(f'"{"9" * 100}"')), ["9" * 100]),
        (bodied(of_number('""'), of_number("null"), of_number("true"), of_number("{}"), of_number('"1"')), ["1"]),
        (rb'{"value":{"body":"\"phone_number_id\":\"evil\"","metadata":{"phone_number_id":"1"}}}', ["1"]),
        (rb'{"value":{"body":"phone_number_id","metadata":{"phone_number_id":"1"}}}', ["1"]),
        (b'{"entry":[]}', []),
        (bodied(of_number('"1"'), of_number(r'"10\u0030"'))[:-3], []),
        (b'{"value":{"metadata":{"phone_number_id":"\xff"}}}', []),
        (b"\xff\x00", []),
    ],
)
def test_every_number_of_a_body_is_found_however_it_is_written(body, numbers):
    assert find_numbers(body) == numbers


def test_a_number_that_is_none_of_an_item_may_be_found_and_none_of_an_item_is_missed():
    other = '{"field":"messages","value":{"messages":[{"id":"w","from":"4917","order":{"phone_number_id":"8"}}]}}'
    assert find_numbers(bodied(other, of_number('"1"'))) == ["8", "1"]


def test_the_numbers_agree_with_the_parser_on_the_corpus(corpus):
    for name, body in corpus.files("whatsapp/text", "whatsapp/image", "whatsapp/status_sent", "whatsapp/system"):
        assert find_numbers(body) == list({item.phone_number_id: None for item in parse_webhook(body, NOW).items}), name


def test_thousand_messages_parse_in_a_few_times_what_reading_their_json_takes():
    contacts = [{"profile": {"name": f"Name {n}"}, "wa_id": f"49170{n:07}"} for n in range(1000)]
    messages = [
        message(**{"from": f"49170{n:07}"}, id=f"wamid.{n}", text={"body": "A line of usual length " * 3}) for n in range(1000)
    ]
    body = json.dumps(envelope(*messages, contacts=contacts)).encode()
    assert len(parse_webhook(body, NOW).items) == 1000
    parsing, reading = (quickest(lambda: parse_webhook(body, NOW)), quickest(lambda: json.loads(body)))
    assert parsing < BUDGET * reading, (parsing, reading)


def quickest(work):
    """Processor seconds of the best of some runs, so that whatever else the machine does is in none of them."""
    return min(timeit.repeat(work, timer=time.process_time, repeat=9, number=1))
