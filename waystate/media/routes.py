"""`/v1/media`: what is known of a file; `/media`: the file itself, for whoever has its signed address."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from waystate.clock import Clock
from waystate.conversations.sight import Sights
from waystate.db.pool import Connection, Database
from waystate.errors import NotFound, Unavailable
from waystate.ids import TenantId, parse_tenant_id
from waystate.media import store
from waystate.media.bodies import MEDIA_EXAMPLE, MediaAnswer, render_media
from waystate.media.headers import file_headers, find_span, is_known
from waystate.media.links import Links, Variant
from waystate.media.model import FileState, MediaRecord
from waystate.media.objects import ObjectStore, ObjectStoreError
from waystate.messages import store as message_store
from waystate.messages.sight import find_hidden_messages
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.tenants.model import TenantStatus
from waystate.tenants.routing import Directory
from waystate.web.caller import Caller

_MISSING = {404: "The tenant has no file with this id, or the customer took its message back"}
_SIGNED = {
    403: "The address is over, or was changed",
    404: "The file is not there any more",
    503: "The object store does not answer",
}
Expires = Annotated[int, Query(ge=0, le=10**11)]
Signature = Annotated[str, Query(max_length=100)]


class MediaRoutes:
    def __init__(self, db: Database, directory: Directory, objects: ObjectStore, links: Links, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._sights = Sights(directory)
        self._objects = objects
        self._links = links
        self._clock = clock

    @Operation(
        "GET",
        "/v1/media/{media_id}",
        Scope.MESSAGES_READ,
        tag="Media",
        summary="The file of a message, and where to load it",
        problems=_MISSING,
        example_answer=MEDIA_EXAMPLE,
    )
    async def get_media(self, media_id: UUID, principal: Caller) -> MediaAnswer:
        """A message names its file (`media.file_id`), which is fetched beside it: ask again while it is `waiting`."""
        async with self._db.tenant(principal.tenant_id) as conn:
            file = await store.get_file(conn, principal.tenant_id, media_id)
            brought_by = [] if file.message_id is None else [file.message_id]
            if await find_hidden_messages(conn, principal.tenant_id, await self._sights.find(conn, principal), brought_by):
                raise store.unknown_media(media_id)
            if await _is_taken_back(conn, principal.tenant_id, file):
                raise NotFound("media_revoked", "The customer took the message back, and its file with it.")
        return render_media(file, principal.tenant_id, self._links, self._clock())

    @Operation(
        "GET",
        "/media/{tenant}/{media_id}",
        None,
        tag="Media",
        summary="A file, by its signed address",
        problems=_SIGNED,
        is_hidden=True,
    )
    async def load_media(
        self, tenant: str, media_id: UUID, request: Request, expires: Expires, signature: Signature
    ) -> Response:
        """The file, or the part that `Range` asks for."""
        file = await self._find_file(tenant, media_id, expires, signature, "file")
        headers = file_headers(file.filename, file.mime_type, file.sha256)
        return await self._answer(request, file.object_key or "", file.size or 0, headers)

    @Operation(
        "GET",
        "/media/{tenant}/{media_id}/thumbnail",
        None,
        tag="Media",
        summary="A thumbnail, by its signed address",
        problems=_SIGNED,
        is_hidden=True,
    )
    async def load_thumbnail(
        self, tenant: str, media_id: UUID, request: Request, expires: Expires, signature: Signature
    ) -> Response:
        """A JPEG of at most 320 pixels a side."""
        file = await self._find_file(tenant, media_id, expires, signature, "thumbnail")
        if file.thumbnail_key is None:
            raise NotFound("no_thumbnail", "There is no thumbnail of this file.")
        try:
            size = await self._objects.get_size(file.thumbnail_key)
        except (ObjectStoreError, OSError) as error:
            raise _away() from error
        return await self._answer(request, file.thumbnail_key, size, file_headers(None, "image/jpeg", None))

    async def _find_file(self, named: str, media_id: UUID, expires: int, signature: str, variant: Variant) -> MediaRecord:
        # Before anything is looked up: who has no signature learns of nobody whether they are there.
        self._links.check(named, media_id, expires, signature, self._clock(), variant)
        tenant = parse_tenant_id(named)
        view = await self._directory.find_tenant(tenant)
        if view is None or view.tenant.status is not TenantStatus.ACTIVE:
            raise _gone()
        async with self._db.tenant(tenant) as conn:
            file = (await store.find_many(conn, tenant, [media_id])).get(media_id)
            if file is None or file.state is not FileState.STORED or await _is_taken_back(conn, tenant, file):
                raise _gone()
        return file

    async def _answer(self, request: Request, key: str, size: int, headers: dict[str, str]) -> Response:
        if is_known(request.headers.get("if-none-match"), headers.get("etag")):
            kept = {name: headers[name] for name in ("etag", "cache-control")}
            return Response(status_code=304, headers=kept)
        asked = request.headers.get("range")
        if (known := request.headers.get("if-range")) is not None and known != headers.get("etag"):
            asked = None
        span = find_span(asked, size)
        if span is not None and span.length <= 0:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}", "accept-ranges": "bytes"})
        start, end = (0, size) if span is None else (span.start, span.end)
        headers |= {"content-length": str(end - start)}
        if span is not None:
            headers |= {"content-range": f"bytes {start}-{end - 1}/{size}"}
        status = 200 if span is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(await self._read(key, start, end), status_code=status, headers=headers)

    async def _read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        try:
            return await self._objects.get(key, start, end)
        except (ObjectStoreError, OSError) as error:
            raise _away() from error


async def _is_taken_back(conn: Connection, tenant: TenantId, file: MediaRecord) -> bool:
    """Whether a customer revoked the message that brought the file: nobody is shown it any more, whatever address they have."""
    message = None if file.message_id is None else await message_store.find_message(conn, tenant, file.message_id)
    return message is not None and message["revoked_at"] is not None


def _gone() -> NotFound:
    return NotFound("media_gone", "The file is not there any more.")


def _away() -> Unavailable:
    return Unavailable("object_store_away", "The object store does not answer. Try again in a moment.", retry_after=5)
