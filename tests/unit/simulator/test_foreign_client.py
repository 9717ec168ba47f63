"""pywa, which nobody here wrote: what its client sends is taken and answered as it expects, and it reads every webhook."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pywa
import pywa_async
from pywa import handlers, types
from pywa.errors import (
    ExpiredAccessToken,
    InvalidParameter,
    ReEngagementMessage,
    TemplateNotExists,
    TemplateParamCountMismatch,
    TemplatePaused,
    WhatsAppError,
)
from pywa.types import templates as made_of
from pywa.types.callback import (
    Button,
    CallPermissionRequestButton,
    FlowButton,
    ImageCarouselCard,
    Section,
    SectionList,
    SectionRow,
    URLButton,
    VoiceCallButton,
)
from pywa.types.flows import FlowActionType
from pywa.types.others import Contact, Pagination, ProductsSection

PHONE, BSUID = "15550100123", "US.13491208655302741918"
PNG, LINK = b"\x89PNG\r\n\x1a\n", "https://shop.example.com/a.png"
EN = made_of.TemplateLanguage.ENGLISH_US


class Graph(httpx.AsyncBaseTransport):
    """Where pywa looks for the Graph API there is the simulator."""

    def __init__(self, app):
        self._inner = httpx.ASGITransport(app)

    async def handle_async_request(self, request):
        path = request.url.raw_path.decode()
        if not path.startswith("/graph/"):
            request.url = request.url.copy_with(raw_path=f"/graph{path}".encode())
        return await self._inner.handle_async_request(request)


@pytest.fixture
async def client(simulator, settings):
    async with httpx.AsyncClient(transport=Graph(simulator.app)) as session:
        client = pywa_async.WhatsApp(
            phone_id=settings["phone_number_id"],
            waba_id=settings["waba_id"],
            token=settings["access_token"],
            session=session,
            api_version=24.0,
        )
        for identity in (PHONE, BSUID):
            await simulator.meet(identity)
        yield client


def card(number):
    return ImageCarouselCard(body=f"Card {number}", image=LINK, buttons=URLButton(title="Buy", url="https://shop.example.com"))


SENDS = {
    "text": lambda wa, to: wa.send_message(to, "Hello https://example.com", preview_url=True, tracker="m-1"),
    "buttons": lambda wa, to: wa.send_message(
        to, "Choose", header="Head", footer="Foot", buttons=[Button(title=f"T{n}", callback_data=f"d{n}") for n in range(3)]
    ),
    "list": lambda wa, to: wa.send_message(
        to,
        "Choose",
        buttons=SectionList(
            "Open",
            [Section(f"S{n}", [SectionRow(title=f"R{n}", callback_data=f"d{n}", description="More")]) for n in range(3)],
        ),
    ),
    "link": lambda wa, to: wa.send_message(to, "See", buttons=URLButton(title="Open", url="https://example.com")),
    "flow": lambda wa, to: wa.send_message(
        to,
        "Fill in",
        buttons=FlowButton(
            title="Start", flow_id="1", flow_token="t", flow_action_type=FlowActionType.NAVIGATE, flow_action_screen="A"
        ),
    ),
    "call": lambda wa, to: wa.send_message(to, "Call", buttons=VoiceCallButton(title="Call us")),
    "call permission": lambda wa, to: wa.send_message(to, "May we call?", buttons=CallPermissionRequestButton()),
    "image": lambda wa, to: wa.send_image(to, PNG, caption="A", mime_type="image/png"),
    "image by link": lambda wa, to: wa.send_image(to, LINK),
    "image with buttons": lambda wa, to: wa.send_image(
        to, PNG, caption="A", mime_type="image/png", buttons=[Button(title="T", callback_data="d")]
    ),
    "video": lambda wa, to: wa.send_video(to, b"video", caption="A", mime_type="video/mp4"),
    "document": lambda wa, to: wa.send_document(to, b"%PDF-1.4", filename="a.pdf", caption="A", mime_type="application/pdf"),
    "audio": lambda wa, to: wa.send_audio(to, b"audio", mime_type="audio/mpeg"),
    "voice": lambda wa, to: wa.send_voice(to, b"OggS", mime_type="audio/ogg; codecs=opus"),
    "sticker": lambda wa, to: wa.send_sticker(to, b"RIFF", mime_type="image/webp"),
    "location": lambda wa, to: wa.send_location(to, 52.5, 13.4, "Here", "A street"),
    "location request": lambda wa, to: wa.request_location(to, "Where are you?"),
    "contact request": lambda wa, to: wa.request_contact_info(to, "Your number?"),
    "contact": lambda wa, to: wa.send_contact(
        to,
        Contact(
            name=Contact.Name(formatted_name="Ada Lovelace", first_name="Ada"),
            phones=[Contact.Phone(phone="+15550100", type="WORK")],
        ),
    ),
    "catalog": lambda wa, to: wa.send_catalog(to, "All we have"),
    "product": lambda wa, to: wa.send_product(to, "1", "sku", "This one"),
    "products": lambda wa, to: wa.send_products(to, "1", [ProductsSection(title="S", skus=["sku"])], "Title", "Body"),
    "carousel": lambda wa, to: wa.send_carousel(to, body="Look", cards=[card(1), card(2)]),
}


@pytest.mark.parametrize("to", [PHONE, BSUID], ids=["phone", "user id"])
@pytest.mark.parametrize("kind", SENDS)
async def test_what_pywa_sends_is_taken_and_delivered(client, waystate, until, kind, to):
    sent = await SENDS[kind](client, to)
    assert sent.id.startswith("wamid.")
    await until(lambda: len(waystate.statuses) == 3)
    assert [(status["id"], status["status"]) for status in waystate.statuses] == [
        (sent.id, status) for status in ("sent", "delivered", "read")
    ]


async def test_pywa_reacts_reads_and_types(client, simulator, waystate, until):
    wamid = await simulator.meet(PHONE)
    await client.send_reaction(PHONE, "👍", wamid)
    await client.remove_reaction(PHONE, wamid)
    await until(lambda: len(waystate.statuses) == 2)
    assert {status["status"] for status in waystate.statuses} == {"sent"}
    assert await client.mark_message_as_read(wamid)
    assert await client.indicate_typing(wamid)


async def test_pywa_uploads_fetches_and_deletes_media(client):
    media = await client.upload_media(PNG, mime_type="image/png", filename="a.png")
    said = await client.get_media_url(media.id)
    assert (said.id, said.mime_type, said.file_size) == (media.id, "image/png", len(PNG))
    assert await client.get_media_bytes(said.url) == PNG
    assert await client.delete_media(media.id)
    with pytest.raises(WhatsAppError, match="Unsupported get request"):
        await client.get_media_url(media.id)


def headed(*params):
    return [made_of.HeaderImage.params(image=LINK), *params]


TEMPLATES = {
    "welcome": [],
    "order_update": [made_of.HeaderText.params("4711"), made_of.BodyText.params("Ada", "4711", "Friday")],
    "appointment": [
        made_of.BodyText.params(first_name="Ada", date="Monday"),
        made_of.QuickReplyButton.params(callback_data="yes", index=0),
    ],
    "invoice": [
        made_of.HeaderDocument.params(document=LINK, filename="a.pdf"),
        made_of.BodyText.params("May"),
    ],
    "our_shop": [made_of.HeaderLocation.params(lat=52.5, lon=13.4, name="Shop", address="A street")],
    "spring_sale": headed(made_of.BodyText.params("Ada", "Sunday"), made_of.URLButton.params(url_variable="s", index=0)),
    "voucher": [made_of.BodyText.params("Ada"), made_of.CopyCodeButton.params(coupon_code="SPRING25", index=0)],
    "plants": [
        made_of.BodyText.params("Ada"),
        made_of.Carousel.params(
            cards=[
                made_of.CarouselCard.params(
                    index=place,
                    params=headed(
                        made_of.BodyText.params("4.90 €"),
                        made_of.QuickReplyButton.params(callback_data="more", index=0),
                        made_of.URLButton.params(url_variable="fern", index=1),
                    ),
                )
                for place in range(2)
            ]
        ),
    ],
    "last_days": headed(
        made_of.BodyText.params("Ada"),
        made_of.LimitedTimeOffer.params(expiration_time=datetime(2030, 1, 1, tzinfo=UTC)),
        made_of.CopyCodeButton.params(coupon_code="LAST10", index=0),
        made_of.URLButton.params(url_variable="1", index=1),
    ),
    "sign_in_code": [made_of.AuthenticationBody.params(otp="123456"), made_of.CopyCodeOTPButton.params(otp="123456")],
}


@pytest.mark.parametrize("name", TEMPLATES)
async def test_templates_that_pywa_fills_are_taken(client, name):
    sent = await client.send_template("15550100777", name, EN, TEMPLATES[name])
    assert sent.id.startswith("wamid.")


async def test_pywa_reads_the_list_of_templates_and_each_of_them(client):
    page = await client.get_templates(pagination=Pagination(limit=4))
    assert page.total_count == 21
    listed = list(page)
    while page.has_next:
        page = await page.next()
        listed += page
    assert len(listed) == 21
    assert {each.name for each in listed} > set(TEMPLATES)
    for each in listed:
        again = await client.get_template(each.id)
        assert (again.name, again.language, again.status) == (each.name, each.language, made_of.TemplateStatus.APPROVED)
        assert len(again.components) == len(each.components) > 0


@pytest.mark.parametrize(
    ("send", "error"),
    [
        (lambda wa: wa.send_message("15550100777", "Hi"), ReEngagementMessage),
        (
            lambda wa: wa.send_message(PHONE, "x", buttons=[Button(title=f"T{n}", callback_data="d") for n in range(4)]),
            InvalidParameter,
        ),
        (lambda wa: wa.send_template(PHONE, "nobody", EN, []), TemplateNotExists),
        (lambda wa: wa.send_template(PHONE, "voucher", EN, [made_of.BodyText.params("a", "b")]), TemplateParamCountMismatch),
    ],
)
async def test_refusals_are_the_errors_that_pywa_knows(client, send, error):
    with pytest.raises(error) as raised:
        await send(client)
    assert raised.value.details
    assert raised.value.fbtrace_id


async def test_pywa_knows_a_paused_template_and_a_revoked_token(client, simulator):
    await simulator.control("PATCH", "/templates/welcome/en_US", {"status": "PAUSED"})
    with pytest.raises(TemplatePaused):
        await client.send_template(PHONE, "welcome", EN, [])
    await simulator.control("PUT", "/token", {"revoked": True})
    with pytest.raises(ExpiredAccessToken):
        await client.get_templates()


class Reader:
    """What pywa makes of webhooks: it checks their signatures and hands each to the handler of its kind."""

    KINDS = (
        handlers.MessageHandler,
        handlers.CallbackButtonHandler,
        handlers.CallbackSelectionHandler,
        handlers.MessageStatusHandler,
        handlers.PhoneNumberChangeHandler,
        handlers.FlowCompletionHandler,
        handlers.TemplateStatusUpdateHandler,
        handlers.TemplateCategoryUpdateHandler,
        handlers.TemplateQualityUpdateHandler,
    )

    def __init__(self, settings):
        self.read = []
        self._client = pywa.WhatsApp(
            phone_id=settings["phone_number_id"],
            waba_id=settings["waba_id"],
            token="unused",
            verify_token="unused",
            app_secret=settings["app_secret"],
            server=None,
        )
        self._client.add_handlers(*(kind(lambda _, update: self.read.append(update)) for kind in self.KINDS))

    def take(self, body, signature):
        assert self._client.webhook_update_validator(body, signature) is None, "the signature is wrong"
        before = len(self.read)
        assert self._client.webhook_update_handler(body) == ("ok", 200)
        assert len(self.read) == before + 1, f"pywa could not read {json.loads(body)}"
        return self.read[-1]


@pytest.fixture
def reader(settings):
    return Reader(settings)


def sha(kind, mime_type, **fields):
    return {"type": kind, kind: {"id": "1", "mime_type": mime_type, "sha256": "c2hh", **fields}}


WRITTEN = [
    {"type": "text", "text": {"body": "Hello"}},
    {"type": "text", "text": {"body": "Hello"}, "context": {"from": "15550783881", "id": "wamid.x"}},
    {"type": "text", "text": {"body": "Hello"}, "context": {"forwarded": True}},
    {
        "type": "text",
        "text": {"body": "Hello"},
        "referral": {"source_type": "ad", "source_id": "1", "source_url": "https://fb.me/1", "headline": "H", "body": "B"},
    },
    sha("image", "image/jpeg", caption="Look"),
    sha("video", "video/mp4"),
    sha("audio", "audio/ogg; codecs=opus", voice=True),
    sha("document", "application/pdf", filename="a.pdf"),
    sha("sticker", "image/webp", animated=False),
    {"type": "location", "location": {"latitude": 52.5, "longitude": 13.4, "name": "Here"}},
    {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ada", "first_name": "Ada"}, "phones": [{"phone": "1"}]}]},
    {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}},
    {"type": "reaction", "reaction": {"message_id": "wamid.x"}},
    {"type": "button", "button": {"text": "Yes", "payload": "yes"}, "context": {"from": "15550783881", "id": "wamid.x"}},
    {
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "d", "title": "T"}},
        "context": {"from": "15550783881", "id": "wamid.x"},
    },
    {
        "type": "interactive",
        "interactive": {"type": "list_reply", "list_reply": {"id": "d", "title": "T", "description": "D"}},
        "context": {"from": "15550783881", "id": "wamid.x"},
    },
    {
        "type": "interactive",
        "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"flow_token": "t"}'},
        },
        "context": {"from": "15550783881", "id": "wamid.x"},
    },
    {
        "type": "order",
        "order": {
            "catalog_id": "1",
            "text": "",
            "product_items": [{"product_retailer_id": "sku", "quantity": 1, "item_price": 2, "currency": "EUR"}],
        },
    },
    {
        "type": "unsupported",
        "errors": [
            {
                "code": 131051,
                "title": "Message type unknown",
                "message": "Message type unknown",
                "error_data": {"details": "Message type is currently not supported."},
            }
        ],
    },
]


@pytest.mark.parametrize("customer", [PHONE, BSUID], ids=["phone", "user id"])
@pytest.mark.parametrize("message", WRITTEN, ids=lambda message: message["type"])
async def test_pywa_reads_what_customers_write(simulator, waystate, until, reader, message, customer):
    written = await simulator.control("POST", f"/customers/{customer}/messages", {"message": message, "name": "Ada"})
    await until(lambda: waystate.bodies)
    update = reader.take(waystate.bodies[0], waystate.signatures[0])
    assert update.id == written["wamid"]
    assert update.from_user.name == "Ada"
    assert (update.from_user.wa_id or None) == (PHONE if customer == PHONE else None)
    assert update.from_user.bsuid[:3] == "US."
    assert abs(update.timestamp - datetime.now(UTC)) < timedelta(minutes=1)


async def test_pywa_reads_every_status(simulator, waystate, until, reader):
    await simulator.send(opaque="our-id")
    await until(lambda: len(waystate.statuses) == 3)
    await simulator.control("POST", "/failures", {"code": 131049, "told": "status"})
    await simulator.send(opaque="our-id")
    await until(lambda: len(waystate.statuses) == 4)
    updates = [reader.take(*webhook) for webhook in zip(waystate.bodies, waystate.signatures, strict=True)]
    read = [update for update in updates if isinstance(update, types.MessageStatus)]
    assert [update.status for update in read] == ["sent", "delivered", "read", "failed"]
    assert {update.tracker for update in read} == {"our-id"}
    assert (read[0].pricing.category, read[0].pricing.type) == ("service", "free_customer_service")
    assert read[3].error.code == 131049


async def test_pywa_reads_every_change_of_a_template(simulator, waystate, until, reader):
    for body in (
        {"status": "PAUSED"},
        {"status": "REJECTED", "reason": "INVALID_FORMAT"},
        {"status": "DISABLED"},
        {"status": "APPROVED"},
        {"category": "MARKETING"},
        {"quality": "YELLOW"},
    ):
        await simulator.control("PATCH", "/templates/welcome/en_US", body)
        count = len(waystate.bodies) + 1
        await until(lambda count=count: len(waystate.bodies) == count)
    updates = [reader.take(*webhook) for webhook in zip(waystate.bodies, waystate.signatures, strict=True)]
    assert [update.new_status for update in updates[:4]] == ["PAUSED", "REJECTED", "DISABLED", "APPROVED"]
    assert updates[1].reason == "INVALID_FORMAT"
    assert (updates[4].previous_category, updates[4].new_category) == ("UTILITY", "MARKETING")
    assert (updates[5].previous_quality_score, updates[5].new_quality_score) == ("UNKNOWN", "YELLOW")
    assert {(update.template_name, update.template_language) for update in updates} == {("welcome", EN)}
