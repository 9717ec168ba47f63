import asyncio
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from waystate.media.model import StoredObject
from waystate.media.objects import ObjectStore, open_objects
from waystate.media.thumbnail import FORMATS, SIDE, Thumbnails, make_thumbnail


def picture(kind: str = "JPEG", size: tuple[int, int] = (800, 400), mode: str = "RGB", **said: object) -> bytes:
    written = BytesIO()
    Image.new(mode, size, 1 if mode in ("L", "P", "1") else "red").save(written, kind, **said)
    return written.getvalue()


def size_of(content: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(content)) as found:
        assert found.format == "JPEG"
        return found.size


async def put(objects: ObjectStore, content: bytes, mime_type: str = "image/jpeg") -> StoredObject:
    await objects.put_bytes("acme/1/1", content)
    return StoredObject(object_key="acme/1/1", size=len(content), sha256=bytes(32), mime_type=mime_type)


@pytest.mark.parametrize("kind", FORMATS.values())
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_kind_of_image_becomes_small(kind: str, mode: str) -> None:
    assert size_of(make_thumbnail(picture(kind, mode=mode), kind)) == (SIDE, SIDE // 2)


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "LA", "I;16"])
def test_images_of_other_modes_become_small(mode: str) -> None:
    written = BytesIO()
    Image.new(mode, (800, 400)).save(written, "PNG")
    assert size_of(make_thumbnail(written.getvalue(), "PNG")) == (SIDE, SIDE // 2)


def test_a_small_one_stays_as_it_is_and_a_turned_one_is_turned() -> None:
    assert size_of(make_thumbnail(picture(size=(10, 20)), "JPEG")) == (10, 20)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert size_of(make_thumbnail(picture(size=(800, 400), exif=exif), "JPEG")) == (SIDE // 2, SIDE)


def test_what_would_fill_the_memory_is_not_unpacked() -> None:
    bomb = picture("PNG", (8000, 8000), mode="1")
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match="pixels"):
        make_thumbnail(bomb, "PNG")


def claims(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, in a hundred bytes."""

    def chunk(kind: bytes, said: bytes) -> bytes:
        return struct.pack(">I", len(said)) + kind + said + struct.pack(">I", zlib.crc32(kind + said))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")


def with_exif(written: str) -> bytes:
    """A JPEG with this, in hexadecimal, where a camera says how it was held: a text stands where a number belongs."""
    whole, exif = picture(size=(10, 20)), bytes.fromhex(written)
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif + whole[2:]


@pytest.mark.parametrize(
    ("content", "raised"),
    [
        (claims(7100, 7100), ValueError),  # more than is unpacked
        (claims(10_000, 9_500), ValueError),  # the library warns
        (claims(20_000, 20_000), Image.DecompressionBombError),  # the library raises what is no ValueError
        (with_exif("4d4d002a00000008 0002 011b00020000000461626300 011200030000000100060000 00000000"), TypeError),
        (with_exif("4d4d002a00000008 0002 012400020000000461626300 011200030000000100060000 00000000"), struct.error),
    ],
    ids=["large", "larger", "bomb", "abs", "pack"],
)
async def test_a_picture_that_makes_the_library_raise_anything_is_kept_without_a_thumbnail(
    content: bytes, raised: type[Exception]
) -> None:
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    with pytest.raises(raised):
        make_thumbnail(content, FORMATS[kind])
    objects, thumbnails = open_objects("memory://", Path("/nowhere")), Thumbnails()
    stored = await put(objects, content, kind)
    assert await thumbnails.add(objects, stored) == stored
    thumbnails.close()


def test_a_format_that_is_not_named_is_not_tried() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        make_thumbnail(picture("GIF"), "JPEG")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_broken_image_makes_an_error_that_is_expected_and_no_other(kind: str, data: st.DataObject) -> None:
    whole = bytearray(picture(kind, (60, 30)))
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])

    async def add() -> None:
        objects = open_objects("memory://", Path("/nowhere"))
        thumbnails = Thumbnails()
        stored = await put(objects, cut, {value: key for key, value in FORMATS.items()}[kind])
        await thumbnails.add(objects, stored)
        thumbnails.close()

    asyncio.run(add())


async def test_one_that_takes_too_long_is_left() -> None:
    objects, thumbnails = open_objects("memory://", Path("/nowhere")), Thumbnails(longest=0.001)
    stored = await put(objects, picture("PNG", (6000, 6000)), "image/png")
    assert await thumbnails.add(objects, stored) == stored
    thumbnails.close()
