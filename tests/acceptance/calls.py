"""How to call every operation of the OpenAPI document, told by the document itself and two tables for what it cannot tell."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

Document = dict[str, Any]
Ids = Mapping[str, str]

PLACES = {
    "conversationId": "SELECT id::text FROM conversations WHERE tenant_id = $1",
    "conversation_id": "SELECT id::text FROM conversations WHERE tenant_id = $1",
    "customer_id": "SELECT id::text FROM contacts WHERE tenant_id = $1",
    "merge_id": "SELECT id::text FROM contact_merges WHERE tenant_id = $1",
    "messageId": "SELECT id::text FROM messages WHERE tenant_id = $1",
    "message_id": "SELECT id::text FROM messages WHERE tenant_id = $1",
    "wamid": "SELECT wamid FROM messages WHERE tenant_id = $1 AND wamid IS NOT NULL",
    "letter_id": "SELECT id::text FROM dead_letters WHERE tenant_id = $1",
    "session_id": "SELECT id::text FROM sessions WHERE tenant_id = $1",
    "user_id": "SELECT user_id::text FROM memberships WHERE tenant_id = $1",
    "template_id": "SELECT id::text FROM templates WHERE tenant_id = $1",
    "media_id": "SELECT id::text FROM media_files WHERE tenant_id = $1",
    "key_id": "SELECT id::text FROM api_keys WHERE tenant_id = $1",
    "phone_number_id": "SELECT phone_number_id FROM whatsapp_accounts WHERE tenant_id = $1",
    "integration_id": "SELECT integration_id FROM genesys_integrations WHERE tenant_id = $1",
    "queue_id": "SELECT id::text FROM queues WHERE tenant_id = $1",
    "schedule_id": "SELECT id::text FROM schedules WHERE tenant_id = $1",
    "reply_id": "SELECT id::text FROM replies WHERE tenant_id = $1",
    "participant_id": "SELECT party_id::text FROM conversation_participants WHERE tenant_id = $1",
    "tenant_id": "SELECT id FROM tenants WHERE id = $1",
}
"""Where a tenant's own id for a parameter comes from."""
AT_THE_DESK = (
    "INSERT INTO schedules (tenant_id, id, name, created_at, edited_at) VALUES ($1, $2, $1, now(), now())",
    "INSERT INTO schedule_versions (tenant_id, schedule_id, valid_from, time_zone, slots)"
    " SELECT tenant_id, id, '2026-01-01', 'UTC', '[]' FROM schedules WHERE tenant_id = $1 AND $2::uuid IS NOT NULL",
    "INSERT INTO queues (tenant_id, id, name, created_at, edited_at) VALUES ($1, $2, $1, now(), now())",
    "INSERT INTO replies (tenant_id, id, shortcut, text, created_at, edited_at) VALUES ($1, $2, $1, $1, now(), now())",
    "INSERT INTO conversation_participants (tenant_id, conversation_id, contact_id, role, added_at)"
    " SELECT tenant_id, id, contact_id, 'observer', now() FROM conversations WHERE tenant_id = $1 AND $2::uuid IS NOT NULL",
)
"""What an operation can name beside messages."""
NOBODYS = {
    "waId": "15550100001",
    "appId": "app-1",
    "app_id": "app-1",
    "integrationId": "integration-none",
    "tag": "nobodys-tag",
    "valid_from": "2026-01-01",
    "tenant": "tenant-none",
}
"""Parameters that name nothing of a tenant's: whose customer it is follows from the credential, an app is the platform's."""
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/state/message"): {"conversationId": "{conversationId}", "direction": "inbound", "status": "received"},
    ("PATCH", "/state/message/{messageId}"): {"status": "processed"},
    ("POST", "/state/correlation"): {"conversation_id": "genesys-x", "whatsapp_message_id": "{wamid}"},
    ("POST", "/v1/dead-letters/replay"): {"ids": ["{letter_id}"]},
    ("POST", "/v1/dead-letters/discard"): {"ids": ["{letter_id}"]},
    ("POST", "/v1/replies/{reply_id}/render"): {"customerId": "{customer_id}"},
    ("POST", "/v1/conversations/{conversation_id}/read"): {"upTo": "{message_id}", "tellCustomer": True},
    ("PUT", "/v1/tenant/whatsapp-accounts/{phone_number_id}"): {
        "display_phone_number": "15550783881",
        "business_account_id": "waba-x",
        "meta_app_id": "app-1",
        "access_token": "EAA-of-a-test",
    },
    ("PUT", "/v1/tenant/genesys-integrations/{integration_id}"): {
        "region": "mypurecloud.de",
        "client_id": "client-x",
        "client_secret": "client-secret-of-a-test",
        "webhook_secret": "webhook-secret-of-a-test",
    },
}
"""Bodies whose schema does not say all that is asked of them; `{name}` becomes an id."""


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    """The template, as in the document."""
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class NoExample(AssertionError):
    """The document does not tell how to call an operation, and neither does a row here."""


def operations_of(document: Document) -> dict[tuple[str, str], Document]:
    methods = {"get", "put", "post", "patch", "delete"}
    return {
        (method.upper(), path): operation
        for path, described in document["paths"].items()
        for method, operation in described.items()
        if method in methods
    }


def names_of(document: Document, method: str, path: str) -> set[str]:
    """The ids of a tenant's that a call names, in its path or its body."""
    template = path + str(BODIES.get((method, path), ""))
    return {name for name in re.findall(r"\{(\w+)\}", template) if name not in NOBODYS}


def missing_ids(ids: Ids) -> dict[str, str]:
    """Of the same shape, and nobody's."""
    return {name: str(uuid4()) if re.fullmatch(r"[0-9a-f-]{36}", value) else f"none-{uuid4()}" for name, value in ids.items()}


def call_of(document: Document, method: str, path: str, ids: Ids) -> Call:
    operation = operations_of(document)[method, path]
    parameters = [resolved(document, each) for each in operation.get("parameters", [])]
    needed = [each for each in parameters if each.get("required") and each["in"] in ("query", "header")]
    examples = {
        place: {each["name"]: str(example(document, each["schema"])) for each in needed if each["in"] == place}
        for place in ("query", "header")
    }
    url = re.sub(r"\{(\w+)\}", lambda found: quote(_id(found[1], ids, method, path), safe=""), path)
    return Call(method, path, url, examples["query"], examples["header"], _body(document, operation, method, path, ids))


def _id(name: str, ids: Ids, method: str, path: str) -> str:
    value = ids.get(name) or NOBODYS.get(name)
    if value is None:
        raise NoExample(f"{method} {path} names a {name}: give it a row in PLACES (of a tenant) or in NOBODYS")
    return value


def _body(document: Document, operation: Document, method: str, path: str, ids: Ids) -> Any:
    if (method, path) in BODIES:
        return _filled(BODIES[method, path], ids)
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    return content["example"] if "example" in content else example(document, content["schema"])


def _filled(template: Any, ids: Ids) -> Any:
    match template:
        case dict():
            return {name: _filled(value, ids) for name, value in template.items()}
        case list():
            return [_filled(each, ids) for each in template]
        case str() if found := re.fullmatch(r"\{(\w+)\}", template):
            return ids[found[1]]
    return copy.deepcopy(template)


def resolved(document: Document, schema: Document) -> Document:
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    return schema


FORMATS = {
    "uuid": "00000000-0000-7000-8000-000000000001",
    "date-time": "2126-01-31T12:00:00Z",
    "date": "2126-01-31",
    "email": "nobody@example.org",
    "uri": "https://example.org/",
    "password": "a long enough passphrase 7",
}


def example(document: Document, schema: Document) -> Any:
    """Something small that the schema takes; of an object whose fields are all optional, every field."""
    schema = resolved(document, schema)
    if examples := schema.get("examples"):
        return examples[0]
    for known in ("const", "example"):
        if known in schema:
            return schema[known]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            choices = [each for each in schema[several] if resolved(document, each).get("type") != "null"]
            return example(document, choices[0])
    match schema.get("type"):
        case "object" | None if schema.get("properties"):
            wanted = schema.get("required") or list(schema["properties"])
            return {name: example(document, schema["properties"][name]) for name in wanted}
        case "array":
            return [example(document, schema["items"])] if schema.get("items") else []
        case "string":
            text = FORMATS.get(schema.get("format", ""), "example")
            return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]
        case "integer" | "number":
            return schema.get("minimum", schema.get("default", 1))
        case "boolean":
            return False
    return {}
