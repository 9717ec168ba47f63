"""Of `media`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterable
from uuid import UUID

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models


class MediaNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def upload(self, content: bytes | Iterable[bytes], *, filename: str | None = None) -> models.UploadAnswer:
        """Upload a file, to send it

        The body is the file itself, of at most 100 MB, and no form. `Content-Type` says what it is; without one, or
        as application/octet-stream, its bytes and its name tell. It is answered when it is kept: then any of the
        tenant's numbers can send it, as often as it likes. The same file again is another file, so an Idempotency-Key
        is not looked at.

        filename: What a customer sees a document called, with its ending
        content: The file itself.
        """
        return self._caller.call("POST", "/v1/media", models.UploadAnswer, query={"filename": filename}, content=content)

    def get(self, media_id: UUID | str) -> models.MediaAnswer:
        """The file of a message, and where to load it

        A message names its file (`media.file_id`), which is fetched beside it: ask again while it is `waiting`.
        """
        return self._caller.call("GET", f"/v1/media/{in_path(media_id)}", models.MediaAnswer)
