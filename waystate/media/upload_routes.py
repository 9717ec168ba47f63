"""`POST /v1/media`: a file's bytes as the body, which is never held whole and may be larger than any other."""

from pydantic import BaseModel, ConfigDict

from waystate.channels.fields import is_visible
from waystate.documents import JsonObject, is_name
from waystate.door.guard import Guard
from waystate.errors import Unprocessable
from waystate.ids import TenantId
from waystate.media.model import MediaRecord
from waystate.media.upload import LARGEST, Deposits
from waystate.operations import Operation, Parameter
from waystate.principal import Scope
from waystate.web.asgi import Request, Response, json_response
from waystate.web.facts import facts_of

LONGEST_NAME = 240
UPLOAD_EXAMPLE: JsonObject = {
    "id": "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83",
    "state": "stored",
    "mimeType": "application/pdf",
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "filename": "offer.pdf",
}


class UploadAnswer(BaseModel):
    """A file that can be sent: a message names its `id` as `mediaId`. `size` is in bytes, `sha256` is hexadecimal."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: str
    mimeType: str
    size: int
    sha256: str
    filename: str | None


class UploadRoutes:
    def __init__(self, guard: Guard, deposits: Deposits) -> None:
        self._guard = guard
        self._deposits = deposits

    @Operation(
        "POST",
        "/v1/media",
        Scope.MESSAGES_SEND,
        tag="Media",
        summary="Upload a file, to send it",
        parameters=(
            Parameter(
                name="filename",
                place="query",
                required=False,
                description="What a customer sees a document called, with its ending",
                example="offer.pdf",
            ),
        ),
        status=201,
        answers={201: UploadAnswer},
        problems={
            408: "Nothing of the file came for too long",
            409: "The tenant's quota has no room for it",
            413: "It is larger than WhatsApp takes of its type",
            422: "WhatsApp takes no such file, or it is not what it is declared as",
            503: "Too many files at once, or the store of files does not answer; send it again",
        },
        example_answer=UPLOAD_EXAMPLE,
        is_streamed="a file is taken as it comes; the same one again is another file, and nothing is sent by it",
        is_fast=True,
    )
    async def upload_media(self, request: Request) -> Response:
        """The body is the file itself, of at most 100 MB, and no form. `Content-Type` says what it is; without one, or as
        application/octet-stream, its bytes and its name tell. It is answered when it is kept: then any of the tenant's numbers
        can send it, as often as it likes. The same file again is another file, so an Idempotency-Key is not looked at."""
        facts, operation = facts_of(request.scope), request.operation
        assert operation is not None, "the lane names the row of what it calls"
        principal = await self._guard.admit(facts, operation)
        request.check_query()
        declared = (facts.content_type or b"").decode("latin-1")
        if declared.lower().startswith("multipart/"):
            raise Unprocessable(
                "media_in_a_form", "The body is to be the file itself, and no form: with curl, --data-binary @offer.pdf."
            )
        if (request.header(b"content-encoding") or b"identity").strip().lower() != b"identity":
            raise Unprocessable("media_encoded", "The body is packed (Content-Encoding). Send the file's own bytes.")
        file = await self._deposits.take(
            TenantId(principal.tenant_id),
            request.stream(LARGEST),
            declared=declared,
            filename=_name_of(request.query("filename")),
        )
        return json_response(render_upload(file).model_dump_json().encode(), 201)


def render_upload(file: MediaRecord) -> UploadAnswer:
    return UploadAnswer(
        id=str(file.id),
        state=file.state,
        mimeType=file.mime_type or "",
        size=file.size or 0,
        sha256=(file.sha256 or b"").hex(),
        filename=file.filename,
    )


def _name_of(given: str | None) -> str | None:
    """Its last part, should it be a path: a customer's phone shows it."""
    name = (given or "").replace("\\", "/").rsplit("/", 1)[-1].strip()
    if not is_visible(name):
        return None
    if not is_name(name):
        raise Unprocessable(
            "filename_unusable",
            "`filename` has a line end, a control character, one that turns writing around, or what is no UTF-8. Leave it out.",
        )
    if len(name) > LONGEST_NAME:
        raise Unprocessable(
            "filename_too_long", f"`filename` has {len(name)} characters, and {LONGEST_NAME} are taken. Shorten it."
        )
    return name
