"""What a dead letter's payload says, as the pipelines take it: of a queue, of a webhook's item, of a refused delivery. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from waystate.channels.fields import find_object
from waystate.dead_letters.model import Pipeline
from waystate.deliveries.model import RefusedDelivery
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected
from waystate.messages.model import Correlation, InboundMessage, OutboundMessage, StatusReport
from waystate.pipeline import items as queue_payloads
from waystate.pipeline.items import FROM_QUEUE, MAX_ID, SendResult

Item = InboundMessage | OutboundMessage | StatusReport | Correlation | SendResult | RefusedDelivery
Problem = dict[str, str]
"""`field` and `problem`, never the value."""


class PayloadUnusable(Rejected):
    def __init__(self, problems: Sequence[Problem]) -> None:
        said = "; ".join(f"{each['field']}: {each['problem']}" for each in problems)
        super().__init__(Reason.INVALID_PAYLOAD, f"The payload cannot be used: {said}. Edit it, then replay it.")
        self.problems = list(problems)


_WEBHOOK_ITEMS: dict[Pipeline, TypeAdapter[Any]] = {
    Pipeline.INBOUND: TypeAdapter(InboundMessage),
    Pipeline.OUTBOUND: TypeAdapter(OutboundMessage),
    Pipeline.STATUS: TypeAdapter(StatusReport),
    Pipeline.CORRELATION: TypeAdapter(Correlation),
    Pipeline.DELIVERIES: TypeAdapter(RefusedDelivery),
}
_NEEDED: dict[Pipeline, tuple[tuple[str, ...], ...]] = {
    Pipeline.INBOUND: (("wamid",), ("phone_number_id",), ("wa_id", "user_id")),
    Pipeline.OUTBOUND: (("genesys_message_id",), ("conversation_id", "recipient_id")),
    Pipeline.STATUS: (("wamid", "message_id"), ("status",)),
    Pipeline.CORRELATION: (("conversation_id",), ("whatsapp_message_id",)),
    Pipeline.DELIVERIES: (),
}
"""Of each group at least one must say something."""
_IDS = ("wamid", "phone_number_id", "wa_id", "user_id", "genesys_message_id", "conversation_id", "recipient_id")
_TIMES = ("sent_at", "at")


def parse_payload(pipeline: Pipeline, payload: JsonObject, *, origin: str, received_at: datetime) -> Item:
    """`PayloadUnusable` names every field that is wrong; `Rejected` what its value breaks."""
    if origin.startswith(FROM_QUEUE) and pipeline is not Pipeline.DELIVERIES:
        return _of_queue(pipeline, payload, origin, received_at)
    try:
        item = _WEBHOOK_ITEMS[pipeline].validate_python(payload)
    except ValidationError as error:
        raise PayloadUnusable(_problems(error)) from None
    if problems := _shortcomings(pipeline, item):
        raise PayloadUnusable(problems)
    parsed: Item = item
    return parsed


def check_edit(pipeline: Pipeline, original: JsonObject, edited: JsonObject) -> None:
    """A delivery's identity is how Genesys tells a repeat: a changed one would be a second message."""
    if pipeline is not Pipeline.DELIVERIES:
        return
    fixed = [(name, original.get(name), edited.get(name)) for name in ("message_id", "target")]
    before, after = (find_object(each.get("request"), "channel") or {} for each in (original, edited))
    fixed += [(f"request.channel.{name}", before.get(name), after.get(name)) for name in ("messageId", "time")]
    problems = [{"field": name, "problem": "must stay as it was"} for name, was, becomes in fixed if was != becomes]
    if problems:
        raise PayloadUnusable(problems)


def _of_queue(pipeline: Pipeline, payload: JsonObject, origin: str, received_at: datetime) -> Item:
    kind = queue_payloads.kind_of(pipeline, payload)
    try:
        parsed = queue_payloads.MODELS[kind].model_validate(payload)
    except ValidationError as error:
        raise PayloadUnusable(_problems(error)) from None
    return queue_payloads.item_of(parsed, origin=origin, received_at=received_at)


def _shortcomings(pipeline: Pipeline, item: object) -> list[Problem]:
    """What the types do not say: an id that is empty or too long for its index, a time without its zone."""
    problems = [
        {"field": " or ".join(names), "problem": "is missing"}
        for names in _NEEDED[pipeline]
        if not any(getattr(item, name) for name in names)
    ]
    for name in _IDS:
        if len(getattr(item, name, None) or "") > MAX_ID:
            problems.append({"field": name, "problem": f"has more than {MAX_ID} characters"})
    for name in _TIMES:
        moment = getattr(item, name, None)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            problems.append({"field": name, "problem": "has no time zone"})
    return problems


def _problems(error: ValidationError) -> list[Problem]:
    found: Sequence[Mapping[str, Any]] = error.errors(include_url=False, include_input=False, include_context=False)
    return [{"field": ".".join(map(str, each["loc"])) or "payload", "problem": str(each["msg"])} for each in found]
