"""Files that agents attach: at an address of Genesys' that anybody may load, for a minute.

Source: developer.genesys.cloud, Open Messaging, outbound messages; how long an address lives is not documented.
"""

from datetime import datetime, timedelta
from io import BytesIO
from random import Random
from typing import NamedTuple

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.simulator.journal import Recent

LIVES = timedelta(seconds=60)
MOST_KEPT = 200
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


class _Kept(NamedTuple):
    type: str
    content: bytes
    until: datetime


class AgentFiles:
    """`address` is where Genesys' downloads are; None: agents attach nothing."""

    def __init__(self, address: str | None, clock: Clock, random: Random) -> None:
        self._address = address
        self._clock = clock
        self._random = random
        self._kept: Recent[str, _Kept] = Recent(MOST_KEPT)

    def attach(self) -> list[JsonObject]:
        """The `content` of an agent's message: a picture or a form, or nothing where there is no address for it."""
        if self._address is None:
            return []
        name = self._random.randbytes(16).hex()
        if self._random.random() < 0.5:
            kind, filename, made = "Image", f"drawing-{name[:4]}.png", _Kept("image/png", _drawing(self._random), self._end())
        else:
            kind, filename, made = "File", f"form-{name[:4]}.pdf", _Kept("application/pdf", _PDF, self._end())
        self._kept[name] = made
        attachment = {
            "id": name,
            "mediaType": kind,
            "url": f"{self._address}/{name}",
            "mime": made.type,
            "filename": filename,
            "contentSizeBytes": len(made.content),
        }
        return [{"contentType": "Attachment", "attachment": attachment}]

    async def download(self, request: Request) -> Response:
        found = self._kept.get(request.path_params["name"])
        if found is None or self._clock() >= found.until:
            return Response(status_code=404)
        return Response(found.content, media_type=found.type)

    def _end(self) -> datetime:
        return self._clock() + LIVES


def _drawing(random: Random) -> bytes:
    written = BytesIO()
    Image.frombytes("RGB", (4, 3), random.randbytes(36)).resize((320, 240)).save(written, "PNG")
    return written.getvalue()
