"""Small pictures of images, with nothing in them of what a camera writes beside the picture."""

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import structlog
from PIL import Image, ImageOps

from waystate.media.model import StoredObject
from waystate.media.objects import ObjectStore

log = structlog.get_logger()

SIDE = 320
"""Pixels of the longer side, at the most."""
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""What WhatsApp's images are. Each is read as what it says it is: of Pillow's other readers nobody here has need."""
LARGEST = 16 * 2**20
"""Bytes of an image that is looked at; WhatsApp's have 5 MB."""
MOST_PIXELS = 50_000_000
"""Twice of what a phone's camera makes: it takes 150 MB of memory to unpack, for a moment."""
LONGEST = 10.0
"""Seconds."""


class Thumbnails:
    """One at a time, in a thread of its own: pictures of strangers get one core at the most."""

    def __init__(self, longest: float = LONGEST) -> None:
        """`longest`: seconds that a picture may take."""
        self._longest = longest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")

    async def add(self, objects: ObjectStore, stored: StoredObject) -> StoredObject:
        """With its thumbnail, where one could be made; that there is none is no fault of the file."""
        kind = FORMATS.get((stored.mime_type or "").partition(";")[0].strip().lower())
        if kind is None or stored.size > LARGEST:
            return stored
        key = f"{stored.object_key}.thumbnail"
        try:
            content = await objects.get_bytes(stored.object_key)
            made = asyncio.get_running_loop().run_in_executor(self._thread, make_thumbnail, content, kind)
            small = await asyncio.wait_for(made, self._longest)
            await objects.put_bytes(key, small)
        except Exception as error:
            # Whatever a stranger's bytes make the library raise, of which its pages list no end, costs the small picture alone.
            log.info("No thumbnail could be made.", operation="media", error=type(error).__name__)
            return stored
        return replace(stored, thumbnail_key=key)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def make_thumbnail(content: bytes, kind: str) -> bytes:
    """A JPEG of at most 320 pixels a side. Raises what Pillow raises, and ValueError for more pixels than are unpacked."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(content), formats=[kind]) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("it has too many pixels")
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        turned = ImageOps.exif_transpose(picture)
        turned.thumbnail((SIDE, SIDE))
        flat = Image.new("RGB", turned.size, "white")
        shown = turned.convert("RGBA")
        flat.paste(shown, mask=shown.getchannel("A"))
        written = BytesIO()
        flat.save(written, "JPEG", quality=80)
    return written.getvalue()
