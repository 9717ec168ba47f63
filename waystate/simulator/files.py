"""Files that customers send: a picture, a voice message, a document, each one made up and each one what it says it is."""

import base64
import hashlib
from io import BytesIO
from random import Random
from typing import Literal, NamedTuple

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from waystate.documents import JsonObject
from waystate.simulator.customers import Customer, Customers
from waystate.simulator.journal import CustomerMessage
from waystate.simulator.media import MediaStore, UploadedFile

FileKind = Literal["image", "audio", "video", "document", "sticker"]
_KINDS: tuple[FileKind, ...] = ("image", "image", "document", "audio")
_CAPTIONS = ("This is how it arrived.", "My receipt", "Is this the right form?", "")
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


class FileRequest(BaseModel):
    """`kind` as WhatsApp has it; without it whichever. `size`: at least so many bytes, filled up behind what the file needs."""

    model_config = ConfigDict(extra="forbid")

    kind: FileKind | None = None
    caption: str | None = None
    filename: str | None = None
    size: int = Field(default=0, ge=0, le=100 << 20)


class _Made(NamedTuple):
    type: str
    content: bytes
    filename: str | None = None


class CustomersFiles:
    """Customers' own ids are in the same store as what the business uploads, and live seven days.

    `address` is where the Graph API is; None: webhooks name no URL, and files are asked for by id.
    """

    def __init__(self, customers: Customers, media: MediaStore, address: str | None, random: Random) -> None:
        self._customers = customers
        self._media = media
        self._address = address
        self._random = random

    def write(self, customer: Customer, wanted: FileRequest | None = None, wamid: str | None = None) -> CustomerMessage:
        return self._customers.write(customer, message=self.make(wanted), wamid=wamid)

    def make(self, wanted: FileRequest | None = None) -> JsonObject:
        """A message object, without ids, whose file can be fetched."""
        wanted = wanted or FileRequest(caption=self._random.choice(_CAPTIONS))
        kind = self._random.choice(_KINDS) if wanted.kind is None else wanted.kind
        made = self._make(kind)
        content = made.content + bytes(max(0, wanted.size - len(made.content)))
        upload = self._media.add_of_customer(made.type, content)
        told = render_media(upload, self._address and self._media.describe(upload, self._address)["url"])
        name = wanted.filename or made.filename
        told |= {"filename": name} if kind == "document" and name else {}
        told |= {"caption": wanted.caption} if wanted.caption and kind in ("image", "video", "document") else {}
        told |= {"voice": True} if kind == "audio" else {}
        return {"type": kind, kind: told}

    def _make(self, kind: FileKind) -> _Made:
        match kind:
            case "image":
                return _Made("image/jpeg", _picture(self._random, "JPEG"))
            case "sticker":
                return _Made("image/webp", _picture(self._random, "WEBP"))
            case "audio":
                return _Made("audio/ogg; codecs=opus", b"OggS" + self._random.randbytes(3000))
            case "video":
                return _Made("video/mp4", b"\x00\x00\x00\x18ftypmp42" + self._random.randbytes(20_000))
        number = self._random.randrange(1000, 10_000)
        return _Made("application/pdf", _PDF + f"% {number}\n".encode(), f"form-{number}.pdf")


def render_media(upload: UploadedFile, url: str | None) -> JsonObject:
    """As webhooks write it: the hash in base64, where the API writes it in hexadecimal."""
    digest = base64.b64encode(hashlib.sha256(upload.content).digest()).decode()
    told: JsonObject = {"mime_type": upload.type, "sha256": digest, "id": upload.id}
    return told | ({"url": url} if url else {})


def _picture(random: Random, kind: str) -> bytes:
    small = Image.frombytes("RGB", (4, 3), random.randbytes(36))
    written = BytesIO()
    small.resize((640, 480)).save(written, kind, quality=70)
    return written.getvalue()
