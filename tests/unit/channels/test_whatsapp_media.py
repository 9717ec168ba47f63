"""Which files WhatsApp takes: every type and limit, and files that are not what they say."""

import struct
from io import BytesIO

import pytest
from PIL import Image

from waystate.channels.whatsapp.media import (
    ANIMATED,
    HEAD,
    KIB,
    MIB,
    TYPES,
    FileType,
    Unfit,
    best_of,
    find_misfit,
    find_type,
    judge,
    judge_size,
    limit_of,
    sniff,
)

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def drawn(kind: str, **settings) -> bytes:
    """As a well-known library writes it."""
    out = BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, kind, **settings)
    return out.getvalue()[:HEAD]


def opus(channels: int = 1, codec: bytes = b"OpusHead") -> bytes:
    packet = codec + struct.pack("<BBHIhB", 1, channels, 0, 48_000, 0, 0)
    return b"OggS\x00\x02" + bytes(20) + bytes([1, len(packet)]) + packet


def boxed(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x02\x00"


ANIMATION = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"
FILES: dict[str, bytes] = {
    "image/jpeg": drawn("JPEG"),
    "image/png": drawn("PNG"),
    "image/webp": drawn("WEBP"),
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/amr": b"#!AMR\n\x3c",
    "audio/mpeg": b"ID3\x04\x00",
    "audio/mp4": boxed(b"M4A "),
    "audio/ogg": opus(),
    "video/mp4": boxed(b"isom"),
    "video/3gpp": boxed(b"3gp5"),
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "Grüße,\tAsha\r\n".encode(),
    **dict.fromkeys((each for each in TYPES if "openxml" in each), b"PK\x03\x04\x14\x00"),
    **dict.fromkeys(
        ("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    ),
}


def test_every_type_has_a_file_here():
    assert FILES.keys() == TYPES.keys()


@pytest.mark.parametrize("mime_type", TYPES)
def test_file_that_is_what_it_says_is_taken(mime_type):
    assert judge(mime_type, None, FILES[mime_type]) == TYPES[mime_type]


@pytest.mark.parametrize("mime_type", TYPES)
def test_file_of_which_nothing_is_said_is_told_by_its_bytes_and_its_name(mime_type):
    found = judge("application/octet-stream", f"a{TYPES[mime_type].endings[0].upper()}", FILES[mime_type])
    assert found == TYPES[mime_type]


@pytest.mark.parametrize("mime_type", TYPES)
def test_file_may_have_its_limit_and_not_a_byte_more(mime_type):
    found = TYPES[mime_type]
    assert judge_size(found, found.most) is None
    too_large = judge_size(found, found.most + 1)
    assert too_large is not None
    assert too_large.code == "media_too_large"
    assert f"{found.called} may have at most" in too_large.text


@pytest.mark.parametrize(
    ("type", "most"),
    [("image", 5 * MIB), ("audio", 16 * MIB), ("video", 16 * MIB), ("sticker", 100 * KIB)],
)
def test_limits_are_whatsapps(type, most):
    assert {each.most for each in TYPES.values() if each.sent_as[0] == type} == {most}


def test_documents_alone_may_have_100_mb():
    assert {each.most for each in TYPES.values() if each.sent_as == ("document",)} == {100 * MIB}


def test_animated_sticker_may_be_larger():
    sticker = TYPES["image/webp"]
    assert (limit_of(sticker, ANIMATION), limit_of(sticker, FILES["image/webp"])) == (ANIMATED, 100 * KIB)
    assert judge_size(sticker, 500 * KIB, ANIMATION) is None
    assert judge_size(sticker, 500 * KIB + 1, ANIMATION) is not None


def test_file_that_lies_about_its_type_is_refused_with_what_it_is():
    found = judge("image/png", "photo.png", FILES["image/jpeg"])
    assert found == Unfit(
        "media_type_mismatch",
        "The file photo.png is declared as image/png, and its content is JPEG image. Declare what it is.",
    )


@pytest.mark.parametrize("said", TYPES)
def test_no_type_is_believed_of_a_file_of_another(said):
    strange = {each: head for each, head in FILES.items() if head != FILES[said]}
    taken = {each for each, head in strange.items() if isinstance(judge(said, None, head), FileType)}
    # MP4 holds films and sound, and both begin alike; an ID3 tag stands before any sound.
    inside = {"video/mp4": {"audio/mp4"}, "audio/mp4": {"video/mp4"}, "video/3gpp": {"video/mp4"}, "audio/aac": {"audio/mpeg"}}
    assert taken <= inside.get(said, set())


def test_agents_wrongly_named_file_is_taken_for_what_it_is():
    assert judge("image/png", "photo.png", FILES["image/jpeg"], believes_bytes=True) == TYPES["image/jpeg"]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (drawn("GIF"), "image/gif"),
        (drawn("BMP"), "image/bmp"),
        (drawn("TIFF"), "image/tiff"),
        (boxed(b"heic"), "image/heic"),
        (boxed(b"qt  "), "video/quicktime"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"PK\x03\x04", "ZIP archive"),
    ],
)
def test_other_types_are_refused_by_their_names(head, what):
    found = judge(None, None, head)
    assert isinstance(found, Unfit)
    assert found.code == "media_type_unsupported"
    assert found.text.startswith("WhatsApp takes no ")
    assert what in found.text
    assert "Send a JPEG" in found.text


def test_program_is_refused():
    found = judge("application/octet-stream", "setup.exe", b"MZ\x90\x00\x03\x00\x00\x00")
    assert isinstance(found, Unfit)
    assert found.text.startswith("The file setup.exe is of no type that WhatsApp takes. Send")


def test_empty_file_is_refused():
    found = judge("image/png", "a.png", b"")
    assert isinstance(found, Unfit)
    assert found.code == "media_empty"


@pytest.mark.parametrize("head", [opus(channels=2), opus(codec=b"\x01vorbis\x00"), b"OggS"])
def test_ogg_is_taken_with_opus_in_mono_alone(head):
    found = judge("audio/ogg; codecs=opus", None, head)
    assert isinstance(found, Unfit)
    assert found.code == "media_unplayable"


@pytest.mark.parametrize(
    ("said", "is_"), [("image/jpg", "image/jpeg"), ("audio/mp3", "audio/mpeg"), ("audio/ogg; codecs=opus", "audio/ogg")]
)
def test_types_are_known_by_their_other_names(said, is_):
    assert find_type(said) == TYPES[is_]


@pytest.mark.parametrize("said", ["text/csv", "application/json", "text/html; charset=utf-8", "application/yaml"])
def test_every_text_goes_as_text(said):
    assert judge(said, "a.csv", b"a;b\n1;2\n") == TYPES["text/plain"]


@pytest.mark.parametrize(
    ("wanted", "mime_type", "fits"),
    [
        ("image", "image/png", True),
        ("document", "image/png", True),
        ("image", "image/webp", False),
        ("sticker", "image/webp", True),
        ("document", "image/webp", False),
        ("video", "application/pdf", False),
        ("audio", "audio/ogg", True),
        ("image", "model/obj", False),
    ],
)
def test_file_goes_as_what_shows_it(wanted, mime_type, fits):
    found = find_misfit(wanted, mime_type)
    assert (found is None) == fits
    if found is not None:
        assert found.code == "media_unusable"
        assert "Send it as " in found.text or "Send a JPEG" in found.text


def test_attachment_goes_as_what_it_was_attached_as_where_that_shows_it():
    assert best_of("document", TYPES["image/png"]) == "document"
    assert best_of("image", TYPES["application/pdf"]) == "document"
    assert best_of("document", TYPES["image/webp"]) == "sticker"


def test_nothing_is_seen_in_what_is_nothing():
    assert sniff(b"\x00\x01\x02") is None
