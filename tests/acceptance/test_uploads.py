"""A business uploads a file and sends it; an agent attaches one: the customer gets both, through a strict WhatsApp."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.installation import TENANT, Installation, installed_with_far_sides, until
from tests.acceptance.test_sending import get, key, send, write
from tests.databases import Databases
from waystate.channels.whatsapp.media import MIB

PHONE = "5511987650101"
PNG = b"\x89PNG\r\n\x1a\n" + b"a plan"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            installation.http.headers["x-api-key"] = await key(installation, "uploader")
            yield installation


async def upload(
    place: Installation, content: Any = PNG, *, kind: str | None = "image/png", name: str | None = "plan.png", expect: int = 201
) -> dict[str, Any]:
    answer = await place.http.post(
        "/v1/media",
        content=content,
        params={} if name is None else {"filename": name},
        headers={} if kind is None else {"content-type": kind},
    )
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def test_a_file_is_uploaded_and_sent(place: Installation) -> None:
    await write(place, PHONE)
    file = await upload(place)
    assert {"state": "stored", "mimeType": "image/png", "size": len(PNG), "filename": "plan.png"}.items() <= file.items()
    sent = await send(place, to=PHONE, type="image", text=None, media={"mediaId": file["id"], "caption": "The plan"})
    assert sent["content"] == {"media_id": file["id"], "caption": "The plan"}
    await place.settled()
    assert (await get(place, sent["id"]))["status"] in ("sent", "delivered", "read")


async def test_a_file_goes_to_everybody_by_one_upload(place: Installation) -> None:
    file = await upload(place)
    for phone in ("5511987650102", "5511987650103", "5511987650104"):
        await write(place, phone)
        await send(place, to=phone, type="document", text=None, media={"media_id": file["id"]})
    await place.settled()
    assert await place.value("SELECT count(*) FROM media_uploads WHERE media_id = $1", file["id"]) == 1
    states = await place.rows("SELECT DISTINCT status FROM messages WHERE type = 'document'")
    assert "failed" not in {row["status"] for row in states}


async def test_a_file_stands_above_a_templates_or_buttons_words(place: Installation) -> None:
    await write(place, PHONE)
    file = await upload(place)
    interactive = {
        "type": "button",
        "header": {"type": "image", "image": {"mediaId": file["id"]}},
        "body": {"text": "Do you like it?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]},
    }
    sent = await send(place, to=PHONE, type="interactive", text=None, interactive=interactive)
    await place.settled()
    assert (await get(place, sent["id"]))["status"] in ("sent", "delivered", "read")


async def test_an_upload_may_come_in_pieces_and_of_no_declared_type(place: Installation) -> None:
    content = PNG + bytes(300_000)
    file = await upload(place, in_pieces(content), kind=None)
    assert (file["mimeType"], file["size"]) == ("image/png", len(content))
    assert (await upload(place, b"%PDF-1.7", kind="application/x-www-form-urlencoded", name=None))["filename"] is None


async def test_a_larger_file_than_any_other_body_is_taken(place: Installation) -> None:
    content = b"%PDF-1.7" + bytes(20 * MIB)
    assert (await upload(place, content, kind="application/pdf", name="a.pdf"))["size"] == len(content)


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "image/png", 422, "media_empty"),
        (PNG, "image/jpeg", 422, "media_type_mismatch"),
        (b"GIF89a" + bytes(100), "image/gif", 422, "media_type_unsupported"),
        (b"MZ\x90\x00", None, 422, "media_type_unsupported"),
        (PNG + bytes(5 * MIB), "image/png", 413, "media_too_large"),
        (b"OggS" + bytes(100), "audio/ogg", 422, "media_unplayable"),
        (b"--x\r\n", "multipart/form-data; boundary=x", 422, "media_in_a_form"),
    ],
)
async def test_what_whatsapp_does_not_take_is_refused_and_not_kept(
    place: Installation, content: bytes, kind: str | None, status: int, code: str
) -> None:
    before = await place.value("SELECT count(*) FROM media_files")
    objects = place.app.services.fetcher.objects
    kept = {key async for key, _ in objects.list_keys()}
    refused = await upload(place, content, kind=kind, expect=status)
    assert refused["code"] == code
    assert await place.value("SELECT count(*) FROM media_files") == before
    assert {key async for key, _ in objects.list_keys()} == kept


async def test_a_body_beyond_100_mb_is_refused_by_its_length(place: Installation) -> None:
    answer = await place.http.post("/v1/media", content=b"%PDF", headers={"content-length": str(101 * MIB)})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_packed_body_is_refused_and_not_kept_as_the_file(place: Installation) -> None:
    for encoding, status in (("gzip", 422), ("Identity", 201)):
        headers = {"content-type": "text/plain", "content-encoding": encoding}
        answer = await place.http.post("/v1/media", content=b"abc", headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json().get("code") == ("media_encoded" if status == 422 else None)


async def test_a_name_is_cut_to_its_last_part(place: Installation) -> None:
    assert (await upload(place, name="C:\\offers\\offer.png"))["filename"] == "offer.png"
    assert (await upload(place, name="100%25 off.png"))["filename"] == "100%25 off.png", "it is decoded once"
    assert (await upload(place, name="x" * 241, expect=422))["code"] == "filename_too_long"
    for odd in ("a\r\nb.png", "\u202egnp.exe", "a\x00.png"):
        assert (await upload(place, name=odd, expect=422))["code"] == "filename_unusable"
    claims_to_be_large = PNG[:8] + bytes.fromhex("0000000d49484452 00004e20 00004e20 0802000000 6c12d16e")
    assert (await upload(place, claims_to_be_large))["size"] == len(claims_to_be_large)


async def test_a_tenant_without_room_is_told(place: Installation) -> None:
    await place.database.execute("UPDATE tenants SET quotas = '{\"storage_bytes\": 1000000}' WHERE id = $1", TENANT)
    place.app.directory.clear()
    refused = await upload(place, PNG + bytes(1_000_000), expect=409)
    await place.database.execute("UPDATE tenants SET quotas = '{}' WHERE id = $1", TENANT)
    place.app.directory.clear()
    assert refused["code"] == "storage_full"


@pytest.mark.parametrize(
    ("media", "type", "code"),
    [
        ({"mediaId": str(uuid4())}, "image", "media_not_found"),
        ({"mediaId": "777"}, "image", "invalid_request"),
        ({"mediaId": str(uuid4()), "link": "https://example.org/a.png"}, "image", "invalid_request"),
    ],
)
async def test_a_message_names_a_file_that_there_is(place: Installation, media: Any, type: str, code: str) -> None:
    await write(place, PHONE)
    assert (await send(place, to=PHONE, type=type, text=None, media=media, expect=422))["code"] == code


async def test_a_message_is_of_a_type_that_shows_its_file(place: Installation) -> None:
    await write(place, PHONE)
    refused = await send(place, to=PHONE, type="video", text=None, media={"mediaId": (await upload(place))["id"]}, expect=422)
    assert refused["code"] == "media_unusable"
    assert refused["detail"].endswith("Send it as image or document.")


async def test_a_key_that_may_not_send_may_not_upload(place: Installation) -> None:
    headers = {"x-api-key": "", "content-type": "image/png"}
    assert (await place.http.post("/v1/media", content=PNG, headers=headers)).status_code == 401


async def test_a_simulated_agents_file_reaches_the_customer_though_its_address_lives_a_minute(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url,
            tmp_path_factory.mktemp("home"),
            own_url="http://localhost:3006",
            agent_file_share=1.0,
            bsuid_only_share=0.0,
        ) as place:
            for phone in ("5511987650201", "5511987650202", "5511987650203", "5511987650204"):
                await write(place, phone)

            async def has_all() -> bool:
                sent = await place.value("SELECT count(*) FROM messages WHERE direction = 'outbound' AND wamid <> ''")
                return bool(sent == 4)

            await until(has_all)
            rows = await place.rows("SELECT type, text, status FROM messages WHERE direction = 'outbound'")
            files = await place.rows("SELECT state, direction FROM media_files")
    assert {row["type"] for row in rows} <= {"image", "document"}
    assert all(row["text"] for row in rows)
    assert "failed" not in {row["status"] for row in rows}
    assert [tuple(file.values()) for file in files] == [("stored", "outbound")] * 4
