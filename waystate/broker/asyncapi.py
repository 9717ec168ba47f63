"""The queues and the events exchange as an AsyncAPI 3 document, made of the very models that read and write them. Pure.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from waystate import __version__
from waystate.broker.topology import DEAD_LETTERS, QueueNames
from waystate.documents import JsonObject
from waystate.errors import Reason
from waystate.events.model import SCHEMA_VERSION, Event
from waystate.pipeline.items import Kind
from waystate.pipeline.run import KINDS

_EVENTS: tuple[type[BaseModel], ...] = get_args(Event)


def document(names: QueueNames) -> JsonObject:
    queued = {kind.name: kind.queued for kind in KINDS if kind.queued is not None}
    models = [*queued.values(), *_EVENTS]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas = definitions["$defs"]
    queues = dict(zip(KINDS.by_queue.values(), names.named, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waystate over RabbitMQ",
            "version": __version__,
            "description": "Five queues that Waystate consumes, and the topic exchange to which it publishes every event.",
        },
        "defaultContentType": "application/json",
        "servers": {"rabbitmq": {"host": "rabbitmq.example:5672", "protocol": "amqp", "description": "What AMQP_URL names."}},
        "channels": {
            **{kind.name: _queue(kind, name) for kind, name in queues.items()},
            "events": _events(names),
            "deadLetters": _dead_letters(),
        },
        "operations": {
            **{f"consume_{kind.name}": _operation("receive", kind.name, kind.purpose) for kind in queues},
            "publish_events": _operation(
                "send", "events", "Every event, after it is durable; at least once, in each tenant's order."
            ),
            "keep_dead_letters": _operation("send", "deadLetters", "What no tenant can be told for, with the reason."),
        },
        "components": {
            "messages": {
                **{name: _message(model, _IN_HEADERS, name) for name, model in queued.items()},
                **{_type(model): _message(model, _OUT_HEADERS, _type(model)) for model in _EVENTS},
                "deadLetter": {
                    "title": "Dead letter without a tenant",
                    "headers": _DEAD_HEADERS,
                    "payload": {"description": "The body as it came."},
                },
            },
            "schemas": schemas,
        },
    }


_TENANT = {"type": "string", "description": "The tenant's id"}
_IN_HEADERS: JsonObject = {
    "type": "object",
    "properties": {
        "x-tenant-id": _TENANT | {"description": "Needed where several tenants share the queue and no phone_number_id tells."}
    },
}
_OUT_HEADERS: JsonObject = {
    "type": "object",
    "required": ["x-tenant-id", "x-schema-version", "x-position"],
    "properties": {
        "x-tenant-id": _TENANT,
        "x-schema-version": {"const": SCHEMA_VERSION},
        "x-position": {"type": "integer", "description": "Counts the tenant's events, without gaps"},
    },
}
_DEAD_HEADERS: JsonObject = {
    "type": "object",
    "required": ["x-reason", "x-error", "x-queue"],
    "properties": {
        "x-reason": {"enum": [str(reason) for reason in Reason]},
        "x-error": {"type": "string"},
        "x-queue": {"type": "string"},
        "x-tenant-id": _TENANT,
    },
}


def _queue(kind: Kind, name: str) -> JsonObject:
    return {
        "address": name,
        "description": kind.purpose,
        "messages": {kind.name: {"$ref": f"#/components/messages/{kind.name}"}},
        "bindings": {
            "amqp": {"is": "queue", "queue": {"name": name, "durable": True, "exclusive": False, "autoDelete": False}}
        },
    }


def _events(names: QueueNames) -> JsonObject:
    return {
        "address": "{tenant}.{type}",
        "parameters": {
            "tenant": {"description": "The tenant's id"},
            "type": {"description": "The event's type", "enum": [_type(model) for model in _EVENTS]},
        },
        "messages": {_type(model): {"$ref": f"#/components/messages/{_type(model)}"} for model in _EVENTS},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": names.events, "type": "topic", "durable": True, "autoDelete": False},
            }
        },
    }


def _dead_letters() -> JsonObject:
    return {
        "address": DEAD_LETTERS,
        "messages": {"deadLetter": {"$ref": "#/components/messages/deadLetter"}},
        "bindings": {"amqp": {"is": "queue", "queue": {"name": DEAD_LETTERS, "durable": True}}},
    }


def _operation(action: str, channel: str, summary: str) -> JsonObject:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(model: type[BaseModel], headers: JsonObject, name: str) -> JsonObject:
    return {
        "name": name,
        "title": model.__name__,
        "summary": " ".join((model.__doc__ or "").split()),
        "contentType": "application/json",
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }


def _type(model: type[BaseModel]) -> str:
    kind: Any = model.model_fields["type"].default
    return str(kind)
