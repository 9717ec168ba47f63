"""Webhooks that are not signed as they should be, and Meta's question whether this is the right callback."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.installation import APP, INTEGRATION, Installation, customer_message, envelope, installed, rendered
from tests.databases import Databases
from waystate.simulator.webhooks import base64_signature, hex_signature
from waystate.tenants.model import MetaApp

OTHER = MetaApp(id="app-2", app_secret="other-secret", verify_token="other-token")


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_app(OTHER)
            await installation.add_tenant(sender="external", genesys_sender="external")
            yield installation


BODY = rendered(envelope(customer_message("wamid.forged", "15550100001")))
GOOD_HEX, GOOD_BASE64 = hex_signature(APP.app_secret.encode(), BODY), base64_signature(b"genesys-webhook-secret", BODY)

FORGED = {
    "no signature": ("whatsapp", APP.id, None),
    "empty": ("whatsapp", APP.id, ""),
    "prefix alone": ("whatsapp", APP.id, "sha256="),
    "without prefix": ("whatsapp", APP.id, GOOD_HEX.removeprefix("sha256=")),
    "one digit changed": ("whatsapp", APP.id, GOOD_HEX[:-1] + ("0" if GOOD_HEX[-1] != "0" else "1")),
    "upper case": ("whatsapp", APP.id, GOOD_HEX.upper()),
    "another app's secret": ("whatsapp", APP.id, hex_signature(OTHER.app_secret.encode(), BODY)),
    "of another body": ("whatsapp", APP.id, hex_signature(APP.app_secret.encode(), BODY + b" ")),
    "Genesys' encoding": ("whatsapp", APP.id, base64_signature(APP.app_secret.encode(), BODY)),
    "not ASCII": ("whatsapp", APP.id, "sha256=\xe9\xff"),
    "ten thousand digits": ("whatsapp", APP.id, "sha256=" + "0" * 10_000),
    "unknown app": ("whatsapp", "app-3", GOOD_HEX),
    "app id with a quote": ("whatsapp", "app-1'", GOOD_HEX),
    "NUL in the app id": ("whatsapp", "app-1%00", GOOD_HEX),
    "Genesys: no signature": ("genesys", INTEGRATION, None),
    "Genesys: Meta's encoding": ("genesys", INTEGRATION, hex_signature(b"genesys-webhook-secret", BODY)),
    "Genesys: one character changed": ("genesys", INTEGRATION, GOOD_BASE64[:-2] + "A="),
    "Genesys: unknown integration": ("genesys", "no-such-integration", GOOD_BASE64),
}


@pytest.mark.parametrize("name", FORGED)
async def test_webhook_that_is_not_signed_as_it_should_be_writes_nothing(place: Installation, name: str) -> None:
    channel, door, signature = FORGED[name]
    before = await place.counts()
    headers = {} if signature is None else {b"x-hub-signature-256": signature.encode("latin-1")}
    answer = await place.http.post(f"/webhooks/{channel}/{door}", content=BODY, headers=headers)
    assert answer.status_code == (404 if "NUL" in name else 401)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == ("not_found" if "NUL" in name else "invalid_signature")
    assert await place.counts() == before


async def test_signatures_of_both_kinds_open_their_doors(place: Installation) -> None:
    assert (await place.post_meta(envelope(customer_message("wamid.right", "15550100001")))).status_code == 200
    assert (await place.post_genesys({"id": "right", "type": "Receipt"})).status_code == 200
    await place.settled()
    assert (await place.trace("wamid.right"))["status"] == "received"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": APP.verify_token}, 200),
        ({"hub.mode": "subscribe", "hub.challenge": "a b<c>&é", "hub.verify_token": APP.verify_token}, 200),
        ({"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "wrong"}, 403),
        ({"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": OTHER.verify_token}, 403),
        ({"hub.mode": "subscribe", "hub.challenge": "1"}, 403),
        ({"hub.mode": "unsubscribe", "hub.challenge": "1", "hub.verify_token": APP.verify_token}, 403),
        ({}, 403),
    ],
)
async def test_verification_answers_the_challenge_to_the_right_token_only(
    place: Installation, query: dict[str, str], status: int
) -> None:
    answer = await place.http.get(f"/webhooks/whatsapp/{APP.id}", params=query)
    assert answer.status_code == status
    if status == 200:
        assert answer.text == query["hub.challenge"]
        assert answer.headers["content-type"].startswith("text/plain")
    else:
        assert answer.json()["code"] == "verification_refused"
    assert (await place.http.get("/webhooks/whatsapp/app-3", params=query)).status_code == 403
