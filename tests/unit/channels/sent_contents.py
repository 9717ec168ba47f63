"""One example of everything that can be sent, by name: the type, and what stands under its field at our API."""

from typing import Any

_PICTURE = {"link": "https://example.org/cup.png"}
_PLACE = {"latitude": 37.44, "longitude": -122.16, "name": "Main shop", "address": "1 Example Way"}
_LINK = {"name": "cta_url", "parameters": {"displayText": "See it", "url": "https://example.org/cup"}}
_LANGUAGE = {"code": "en_US"}
_ORDER = {
    "reference_id": "A-7",
    "type": "physical-goods",
    "currency": "INR",
    "total_amount": {"value": 21000, "offset": 100},
    "payment_settings": [{"type": "payment_gateway", "payment_gateway": {"type": "razorpay", "configuration_name": "ours"}}],
    "order": {
        "status": "pending",
        "items": [{"retailer_id": "cup-1", "name": "Cup", "amount": {"value": 21000, "offset": 100}, "quantity": 1}],
        "subtotal": {"value": 21000, "offset": 100},
    },
}


def _card(index: int) -> dict[str, Any]:
    return {
        "cardIndex": index,
        "type": "cta_url",
        "header": {"type": "image", "image": _PICTURE},
        "body": {"text": "Holds 300 ml"},
        "action": _LINK,
    }


def _reply_card(index: int) -> dict[str, Any]:
    reply = {"type": "quick_reply", "quickReply": {"id": f"order-{index}", "title": "Order it"}}
    header = {"type": "video", "video": {"link": "https://example.org/cup.mp4"}}
    return {"cardIndex": index, "type": "cta_url", "header": header, "action": {"buttons": [reply]}}


def _product_card(index: int) -> dict[str, Any]:
    return {"cardIndex": index, "type": "product", "action": {"catalogId": "55", "productRetailerId": f"cup-{index}"}}


def _text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text} | more


def _button(sub_type: str, index: int, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "button", "subType": sub_type, "index": index, "parameters": list(parameters)}


def _template(name: str, *components: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "template", {"name": name, "language": _LANGUAGE, "components": list(components)}


def _body(*texts: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [_text(each) for each in texts]}


def _header(kind: str, value: Any) -> dict[str, Any]:
    return {"type": "header", "parameters": [{"type": kind, kind: value}]}


def _interactive(type: str, body: str | None, action: dict[str, Any] | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
    said: dict[str, Any] = {"type": type} | more
    said |= {"body": {"text": body}} if body else {}
    return "interactive", said | ({"action": action} if action else {})


EXAMPLES: dict[str, tuple[str, Any]] = {
    "text": ("text", {"body": "Your order A-7 left today.", "previewUrl": False}),
    "image with a caption": ("image", {**_PICTURE, "caption": "The blue one"}),
    "image that was uploaded": ("image", {"id": "2762702990552401"}),
    "video": ("video", {"link": "https://example.org/cup.mp4", "caption": "How it is made"}),
    "audio": ("audio", {"link": "https://example.org/greeting.mp3"}),
    "voice message": ("audio", {"link": "https://example.org/greeting.ogg", "voice": True}),
    "document": ("document", {"link": "https://example.org/a.pdf", "filename": "contract.pdf", "caption": "Please sign"}),
    "sticker": ("sticker", {"link": "https://example.org/thanks.webp"}),
    "location": ("location", _PLACE),
    "contacts": (
        "contacts",
        [
            {
                "name": {"formattedName": "Lee Example", "firstName": "Lee", "lastName": "Example"},
                "phones": [{"phone": "+1 555 010 0142", "type": "Mobile", "waId": "15550100142"}],
                "emails": [{"email": "lee@example.org", "type": "Work"}],
                "addresses": [
                    {"street": "1 Example Way", "city": "Example", "zip": "00001", "country": "Example", "countryCode": "ex"}
                ],
                "org": {"company": "Example Ltd", "department": "Sales", "title": "Buyer"},
                "urls": [{"url": "https://example.org", "type": "Work"}],
                "birthday": "1999-01-23",
            }
        ],
    ),
    "reaction": ("reaction", {"messageId": "wamid.HBgLMTY0NjcwNDM1OTUVAgASGBQzQUZC", "emoji": "👍"}),
    "reaction taken back": ("reaction", {"messageId": "0193446e-8e6f-7a2b-9c3d-000000000001", "emoji": ""}),
    "buttons": _interactive(
        "button",
        "Does Monday at 10 suit you?",
        {
            "buttons": [
                {"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "other", "title": "Another day"}},
            ]
        },
        header=_text("Your appointment"),
        footer={"text": "Example Ltd"},
    ),
    "buttons under a document": _interactive(
        "button",
        "Is it right?",
        {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]},
        header={"type": "document", "document": {"link": "https://example.org/a.pdf", "filename": "contract.pdf"}},
    ),
    "list": _interactive(
        "list",
        "How shall we send it?",
        {
            "button": "Ways",
            "sections": [
                {
                    "title": "By post",
                    "rows": [
                        {"id": "express", "title": "Express", "description": "Next day"},
                        {"id": "standard", "title": "Standard"},
                    ],
                }
            ],
        },
        header=_text("Delivery"),
    ),
    "link": _interactive(
        "cta_url",
        "The tickets are on sale.",
        {"name": "cta_url", "parameters": {"displayText": "Buy", "url": "https://example.org/tickets"}},
    ),
    "form": _interactive(
        "flow",
        "Book a table.",
        {
            "name": "flow",
            "parameters": {
                "flowMessageVersion": "3",
                "flowId": "1",
                "flowCta": "Book",
                "flowToken": "t-1",
                "mode": "published",
                "flowAction": "navigate",
                "flowActionPayload": {"screen": "TABLE", "data": {"party_size": 2}},
            },
        },
    ),
    "ask for a location": _interactive("location_request_message", "Where shall we come to?", {"name": "send_location"}),
    "ask for the phone number": _interactive(
        "request_contact_info", "May we have your number for the delivery?", {"name": "request_contact_info"}
    ),
    "ask whether to call": _interactive(
        "call_permission_request", "May we call you about order A-7?", {"name": "call_permission_request"}
    ),
    "call button": _interactive(
        "voice_call",
        "Call us now, we are here until six.",
        {"name": "voice_call", "parameters": {"displayText": "Call", "ttlMinutes": 100, "payload": "order A-7"}},
    ),
    "product": _interactive("product", "This one?", {"catalogId": "55", "productRetailerId": "cup-1"}),
    "products": _interactive(
        "product_list",
        "Our cups",
        {"catalogId": "55", "sections": [{"title": "Cups", "productItems": [{"productRetailerId": "cup-1"}]}]},
        header=_text("New in"),
    ),
    "catalogue": _interactive(
        "catalog_message",
        "See all we have.",
        {"name": "catalog_message", "parameters": {"thumbnailProductRetailerId": "cup-1"}},
    ),
    "carousel with links": _interactive("carousel", "Our cups", {"cards": [_card(0), _card(1)]}),
    "carousel with replies": _interactive("carousel", "Our cups", {"cards": [_reply_card(0), _reply_card(1)]}),
    "carousel of products": _interactive("carousel", "Our cups", {"cards": [_product_card(0), _product_card(1)]}),
    "ask for an address": _interactive(
        "address_message",
        "Where shall we send it?",
        {"name": "address_message", "parameters": {"country": "IN", "values": {"name": "Lee", "in_pin_code": "400063"}}},
    ),
    "order to pay": _interactive("order_details", "Your order", {"name": "review_and_pay", "parameters": _ORDER}),
    "state of an order": _interactive(
        "order_status",
        "It is on its way.",
        {"name": "review_order", "parameters": {"referenceId": "A-7", "order": {"status": "shipped"}}},
    ),
    "template without places": ("template", {"name": "welcome", "language": _LANGUAGE}),
    "template": _template("order_update", _header("text", "A-7"), _body("Ann", "A-7", "Friday")),
    "template with named places": _template(
        "appointment",
        {
            "type": "body",
            "parameters": [_text("Ann", parameterName="first_name"), _text("Monday at 10", parameterName="date")],
        },
    ),
    "template with an amount and a day": _template(
        "booked",
        _header("document", {"link": "https://example.org/a.pdf", "filename": "invoice.pdf"}),
        {
            "type": "body",
            "parameters": [
                {"type": "currency", "currency": {"fallbackValue": "€ 12.50", "code": "EUR", "amount1000": 12500}},
                {"type": "date_time", "dateTime": {"fallbackValue": "25 May 2026", "year": 2026, "month": 5, "dayOfMonth": 25}},
            ],
        },
    ),
    "template with an image": _template(
        "spring_sale", _header("image", _PICTURE), _body("Ann", "Sunday"), _button("url", 0, _text("spring"))
    ),
    "template with a video": _template("how_it_is_made", _header("video", {"link": "https://example.org/cup.mp4"})),
    "template with a location": _template("our_shop", _header("location", _PLACE)),
    "template with a product": _template("one_cup", _header("product", {"productRetailerId": "cup-1", "catalogId": "55"})),
    "template with buttons": _template(
        "visit",
        _body("Monday at 10"),
        _button("quick_reply", 0, {"type": "payload", "payload": "yes-7"}),
        _button("url", 1, _text("visits/7")),
        _button("voice_call", 2, {"type": "ttl_minutes", "ttlMinutes": 1440}),
    ),
    "template with a coupon": _template(
        "voucher", _body("Ann"), _button("copy_code", 0, {"type": "coupon_code", "couponCode": "SUMMER25"})
    ),
    "template with an offer that ends": _template(
        "last_days",
        _header("image", _PICTURE),
        _body("Ann"),
        {
            "type": "limited_time_offer",
            "parameters": [{"type": "limited_time_offer", "limitedTimeOffer": {"expirationTimeMs": 1796083200000}}],
        },
        _button("copy_code", 0, {"type": "coupon_code", "couponCode": "LAST25"}),
        _button("url", 1, _text("LAST25")),
    ),
    "template with a form": _template(
        "book_a_table",
        _button("flow", 0, {"type": "action", "action": {"flowToken": "t-1", "flowActionData": {"party_size": 2}}}),
    ),
    "template with the catalogue": _template(
        "our_catalogue", _button("catalog", 0, {"type": "action", "action": {"thumbnailProductRetailerId": "cup-1"}})
    ),
    "template with products": _template(
        "your_cart",
        _button(
            "mpm",
            0,
            {
                "type": "action",
                "action": {
                    "thumbnailProductRetailerId": "cup-1",
                    "sections": [{"title": "Cups", "productItems": [{"productRetailerId": "cup-1"}]}],
                },
            },
        ),
    ),
    "template with an order to pay": _template(
        "please_pay", _button("order_details", 0, {"type": "action", "action": {"orderDetails": _ORDER}})
    ),
    "template with cards": _template(
        "plants",
        _body("Ann"),
        {
            "type": "carousel",
            "cards": [
                {
                    "cardIndex": index,
                    "components": [
                        _header("image", _PICTURE),
                        _body(f"€ {index + 2}.90"),
                        _button("quick_reply", 0, {"type": "payload", "payload": f"more-{index}"}),
                        _button("url", 1, _text(f"plants/{index}")),
                    ],
                }
                for index in range(2)
            ],
        },
    ),
    "template with the state of an order": _template(
        "order_state",
        {
            "type": "order_status",
            "parameters": [
                {
                    "type": "order_status",
                    "orderStatus": {"referenceId": "A-7", "order": {"status": "shipped", "description": "By post"}},
                }
            ],
        },
    ),
    "template with a picture to tap": _template(
        "autumn",
        _header("image", _PICTURE),
        {
            "type": "tap_target_configuration",
            "parameters": [
                {
                    "type": "tap_target_configuration",
                    "tapTargetConfiguration": [{"url": "https://example.org/autumn", "title": "Autumn at Example"}],
                }
            ],
        },
    ),
    "template with a code": _template("sign_in_code", _body("483915"), _button("otp", 0, _text("483915"))),
}
