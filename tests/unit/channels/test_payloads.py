"""The models read what the platforms published, refuse what they would refuse, and lose nothing on the way."""

import pytest
from pydantic import ValidationError

from tests.unit.channels import genesys_payloads as genesys
from tests.unit.channels import whatsapp_payloads as whatsapp
from waystate.simulator.graph_bodies import ReadBody, SendBody, read_send
from waystate.simulator.refusals import GraphRefusal


def round_trip(model, document):
    return model.model_validate(document).model_dump(by_alias=True, exclude_unset=True)


WHATSAPP = [
    ("whatsapp/api_send_response", whatsapp.SendResponse),
    ("whatsapp/api_error", whatsapp.ErrorBody),
    ("whatsapp/api_media", whatsapp.MediaResponse),
    ("whatsapp/api_typing_indicator", ReadBody),
]
GENESYS = [
    ("genesys/outbound_text", genesys.OutboundNotification),
    ("genesys/outbound_attachment", genesys.OutboundNotification),
    ("genesys/outbound_structured", genesys.OutboundNotification),
    ("genesys/outbound_event", genesys.OutboundNotification),
    ("genesys/content_only", genesys.NormalizedMessage),
    ("genesys/inbound_text", genesys.InboundMessage),
    ("genesys/inbound_attachment", genesys.InboundMessage),
    ("genesys/inbound_event", genesys.Event),
    ("genesys/inbound_structured_response", genesys.StructuredResponse),
    ("genesys/receipt", genesys.Receipt),
]


@pytest.mark.parametrize(("kind", "model"), WHATSAPP + GENESYS)
def test_corpus_is_read_and_written_without_loss(corpus, kind, model):
    for name, document in corpus.documents(kind):
        assert round_trip(model, document) == document, name


def test_sends_that_were_published_are_taken_by_the_simulator(corpus):
    refused = {}
    for name, document in corpus.documents("whatsapp/api_send_request"):
        try:
            read_send(document)
        except GraphRefusal as error:
            refused[name.rsplit("/", 1)[1]] = error.code
    assert refused == {"pywa__test-api-template.json": 131008, "pywa__test-api-msg.json": 100}, "they lack what every send has"


def text_request(**fields):
    return {"messaging_product": "whatsapp", "to": "15550100", "type": "text", "text": {"body": "Hi"}} | fields


def buttons(count):
    return {"buttons": [{"type": "reply", "reply": {"id": str(n), "title": f"T{n}"}} for n in range(count)]}


def rows(count):
    return {"button": "Options", "sections": [{"rows": [{"id": str(n), "title": f"T{n}"} for n in range(count)]}]}


@pytest.mark.parametrize(
    "broken",
    [
        {"to": ""},
        {"messaging_product": "sms"},
        {"text": {"body": ""}},
        {"text": {"body": "x" * 4097}},
        {"type": "image"},
        {"type": "image", "image": {"caption": "no file"}},
        {"biz_opaque_callback_data": "x" * 513},
        {"type": "interactive", "interactive": {"type": "button", "body": {"text": "b"}, "action": buttons(4)}},
        {"type": "interactive", "interactive": {"type": "list", "body": {"text": "b"}, "action": rows(11)}},
        {"type": "interactive", "interactive": {"type": "button", "body": {"text": ""}, "action": buttons(1)}},
    ],
)
def test_request_meta_would_refuse_is_refused(broken):
    SendBody.model_validate(text_request())
    with pytest.raises(ValidationError):
        SendBody.model_validate(text_request(**broken))


def test_limits_of_buttons_and_rows_are_the_documented_ones():
    for action, kind in ((buttons(3), "button"), (rows(10), "list")):
        interactive = {"type": kind, "body": {"text": "b"}, "action": action}
        SendBody.model_validate(text_request(type="interactive", interactive=interactive))


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (genesys.InboundMessage, {"channel": {"from": {"id": "1"}, "time": "t"}}),
        (genesys.InboundMessage, {"channel": {"time": "t"}, "text": "x"}),
        (genesys.InboundMessage, {"channel": {"from": {"id": "1"}, "time": "t"}, "text": "x", "metadata": {"a": {"b": "c"}}}),
        (genesys.Receipt, {"id": "1", "channel": {"to": {"id": "1"}, "time": "t"}, "status": "Read"}),
        (genesys.Event, {"channel": {"from": {"id": "1"}, "time": "t"}, "events": []}),
        (genesys.Token, {"token_type": "bearer", "expires_in": 5}),
    ],
)
def test_body_genesys_would_refuse_is_refused(model, broken):
    with pytest.raises(ValidationError):
        model.model_validate(broken)


def test_token_and_error_of_genesys_are_read():
    assert genesys.Token.model_validate({"access_token": "t", "token_type": "bearer", "expires_in": 86399}).expires_in == 86399
    body = {"message": "m", "code": "bad.request", "status": 400, "contextId": "c", "details": [], "errors": []}
    assert genesys.ErrorBody.model_validate(body).context_id == "c"
