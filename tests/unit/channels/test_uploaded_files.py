"""Our files in a message's body, and WhatsApp's ids in their places."""

from uuid import UUID

import pytest

from waystate.channels.whatsapp.uploaded import ReadyFile, list_files, shown_as, with_ids

FILE, OTHER = UUID(int=1), UUID(int=2)
PNG = ReadyFile("777", "image/png", "plan.png")
PDF = ReadyFile("888", "application/pdf", "offer.pdf")


def body(kind: str, **said) -> dict:
    return {"to": "1", "type": kind, kind: {"media_id": str(FILE), **said}}


def test_file_of_a_message_is_found_with_what_it_is_shown_as():
    assert list_files(body("image")) == {(FILE, "image")}


def test_message_goes_with_whatsapps_id():
    assert with_ids(body("image", caption="The plan"), {FILE: PNG}) == {
        "to": "1",
        "type": "image",
        "image": {"id": "777", "caption": "The plan"},
    }


def test_document_is_called_as_its_file_unless_it_is_named():
    assert with_ids(body("document"), {FILE: PDF})["document"] == {"id": "888", "filename": "offer.pdf"}
    assert with_ids(body("document", filename="a.pdf"), {FILE: PDF})["document"]["filename"] == "a.pdf"


def test_attachment_goes_as_what_shows_it():
    sent = with_ids(body("image", caption="The offer"), {FILE: PDF})
    assert sent == {"to": "1", "type": "document", "document": {"id": "888", "caption": "The offer", "filename": "offer.pdf"}}


def test_words_beside_a_sound_are_kept():
    sound = ReadyFile("9", "audio/mpeg")
    assert with_ids(body("image", caption="Listen"), {FILE: sound})["document"] == {"id": "9", "caption": "Listen"}
    assert with_ids(body("document"), {FILE: sound})["type"] == "document"
    assert with_ids(body("video"), {FILE: sound})["type"] == "audio"


def test_voice_message_stays_one():
    voice = ReadyFile("9", "audio/ogg")
    assert with_ids(body("audio", voice=True), {FILE: voice})["audio"] == {"id": "9", "voice": True}


@pytest.mark.parametrize(
    ("wanted", "mime_type", "shown"), [("image", "image/webp", "sticker"), ("image", "model/obj", "image")]
)
def test_what_a_file_is_decides_what_it_is_shown_as(wanted, mime_type, shown):
    assert shown_as(wanted, mime_type, has_caption=False) == shown


def test_files_within_a_message_are_found_and_replaced():
    header = {"type": "image", "image": {"media_id": str(FILE)}}
    cards = [{"components": [{"type": "header", "parameters": [{"type": "video", "video": {"media_id": str(OTHER)}}]}]}]
    said = {"type": "template", "template": {"name": "a", "header": header, "cards": cards}}
    assert list_files(said) == {(FILE, "image"), (OTHER, "video")}
    sent = with_ids(said, {FILE: PNG, OTHER: ReadyFile("999", "video/mp4")})
    assert list_files(sent) == set()
    assert sent["template"]["header"]["image"] == {"id": "777"}
    assert sent["template"]["cards"][0]["components"][0]["parameters"][0]["video"] == {"id": "999"}


def test_what_is_the_businesss_own_is_left_alone():
    own = {"image": {"media_id": str(FILE)}}
    said = {"type": "interactive", "interactive": {"action": {"parameters": {"flow_action_data": own}}}}
    assert list_files(said) == set()
    assert with_ids(said, {}) == said


def test_body_without_files_is_as_it_was():
    for said in (body("image") | {"image": {"link": "https://e/x"}}, {"type": "text", "text": {"body": "a"}}):
        assert list_files(said) == set()
        assert with_ids(said, {}) == said
