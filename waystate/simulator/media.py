"""Media that the business uploads, or customers send: ids, and what they stand for.

Source: developers.facebook.com, WhatsApp Cloud API, media reference: supported types and sizes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from random import Random

from starlette.requests import Request

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.simulator.journal import Recent
from waystate.simulator.refusals import GraphRefusal, no_such_object

KIB, MIB = 1 << 10, 1 << 20
KEPT_FOR = timedelta(days=30)
OF_CUSTOMERS_KEPT = timedelta(days=7)
URL_LIVES = timedelta(minutes=5)
MOST_KEPT = 1000
_SIZES: dict[str, int] = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus"), 16 * MIB),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * MIB),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * MIB),
    "image/webp": 500 * KIB,
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        100 * MIB,
    ),
}
_KINDS = {"image": ("image/jpeg", "image/png"), "sticker": ("image/webp",), "audio": ("audio/",), "video": ("video/",)}


@dataclass(frozen=True, slots=True)
class UploadedFile:
    id: str
    type: str
    content: bytes
    at: datetime
    kept: timedelta = KEPT_FOR

    def fits(self, kind: str) -> bool:
        """Whether it can be shown as an image, a sticker and so on; a document is anything."""
        return kind not in _KINDS or self.type.startswith(_KINDS[kind])


class MediaStore:
    """The newest 1,000 uploads; an older one is gone before its 30 days are over."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._uploads: Recent[str, UploadedFile] = Recent(MOST_KEPT)

    def add(self, type: str, content: bytes) -> UploadedFile:
        """Raises GraphRefusal for a type or a size that WhatsApp does not take."""
        base = type.partition(";")[0].strip().lower()
        most = _SIZES.get(base)
        if most is None:
            raise GraphRefusal(
                100, f"Param file must be a file with one of the following types: {', '.join(_SIZES)}. Received '{type}'."
            )
        if not 0 < len(content) <= most:
            raise GraphRefusal(131053, f"A file of type {base} has 1 to {most} bytes; this one has {len(content)}.")
        upload = UploadedFile(str(self._random.randrange(10**14, 10**15)), base, content, self._clock())
        self._uploads[upload.id] = upload
        return upload

    def add_of_customer(self, type: str, content: bytes) -> UploadedFile:
        """What WhatsApp took from a customer's phone, it takes from nobody again."""
        upload = UploadedFile(str(self._random.randrange(10**14, 10**15)), type, content, self._clock(), OF_CUSTOMERS_KEPT)
        self._uploads[upload.id] = upload
        return upload

    def find(self, media_id: str) -> UploadedFile | None:
        upload = self._uploads.get(media_id)
        return upload if upload is not None and self._clock() - upload.at < upload.kept else None

    def get(self, media_id: str, method: str = "get") -> UploadedFile:
        """Raises GraphRefusal, as for any object that does not exist."""
        upload = self.find(media_id)
        if upload is None:
            raise no_such_object(media_id, method)
        return upload

    def delete(self, media_id: str) -> None:
        self.get(media_id, "delete")
        del self._uploads[media_id]

    def describe(self, upload: UploadedFile, address: str) -> JsonObject:
        """`address` is where the Graph API is; the URL says until when it lives."""
        ends = int((self._clock() + URL_LIVES).timestamp())
        return {
            "messaging_product": "whatsapp",
            "url": f"{address}/lookaside/{upload.id}?ext={ends}",
            "mime_type": upload.type,
            "sha256": hashlib.sha256(upload.content).hexdigest(),
            "file_size": len(upload.content),
            "id": upload.id,
        }

    def is_over(self, ends: str) -> bool:
        return not ends.isdigit() or int(ends) < self._clock().timestamp()


async def read_upload(request: Request) -> tuple[str, bytes]:
    """Type and content of the form's `file`. Raises GraphRefusal for a form that lacks something."""
    parts = {part.get_param("name", header="content-disposition"): part for part in await _read_form(request)}
    product, file, type = parts.get("messaging_product"), parts.get("file"), parts.get("type")
    if product is None or _content(product).strip() != b"whatsapp":
        raise GraphRefusal(100, "The parameter messaging_product is required.")
    if file is None:
        raise GraphRefusal(100, "The parameter file is required.")
    said = file["content-type"] or (_content(type).decode("utf-8", "replace") if type is not None else "")
    return str(said), _content(file)


async def _read_form(request: Request) -> list[EmailMessage]:
    kind = request.headers.get("content-type", "").encode("latin-1")
    if not kind.startswith(b"multipart/form-data"):
        raise GraphRefusal(100, "The parameter messaging_product is required.")
    head = b"Content-Type: " + kind + b"\r\n\r\n"
    form = BytesParser(policy=policy.HTTP).parsebytes(head + await request.body())
    return [part for part in form.iter_parts() if isinstance(part, EmailMessage)]


def _content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
