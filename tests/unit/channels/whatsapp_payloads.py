"""What the WhatsApp Cloud API answers, as models: sends, errors, media. What it takes is in `waystate.simulator.graph_bodies`.

Fields Meta adds are kept (`extra="allow"`), and `model_dump(exclude_unset=True)` gives back what was read.
https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class SentContact(Payload):
    input: str
    wa_id: str | None = None
    user_id: str | None = None


class SentMessage(Payload):
    id: str
    message_status: str | None = None


class SendResponse(Payload):
    messaging_product: Literal["whatsapp"]
    contacts: list[SentContact] = Field(default_factory=list)
    messages: Annotated[list[SentMessage], Field(min_length=1)]


class GraphError(Payload):
    message: str
    code: int
    type: str | None = None
    error_data: dict[str, Any] | None = None
    error_subcode: int | None = None
    fbtrace_id: str | None = None


class ErrorBody(Payload):
    error: GraphError


class MediaResponse(Payload):
    """GET /{media_id}: the URL lives 5 minutes and needs the access token; `sha256` is hex here, base64 in webhooks."""

    id: str
    url: str
    mime_type: str
    sha256: str
    file_size: int | None = None
    messaging_product: Literal["whatsapp"] | None = None
