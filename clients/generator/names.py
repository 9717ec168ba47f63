"""How things of the document are called in Python. Pure."""

import keyword
import re

_WHOLE = {"WhatsApp": "Whatsapp", "waId": "wa_id", "oidc": "oidc"}
"""Words that a capital letter does not part."""
_TAKEN = {"json", "copy", "schema", "dict", "construct", "validate", "etag", "date", "datetime"}
"""Attributes that every model has by itself, and types that a field of their name would hide from the next."""


def snake(name: str) -> str:
    """`lastMessageAt` and `hub.verify_token` as Python writes them."""
    for word, whole in _WHOLE.items():
        name = name.replace(word, whole)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


def class_name(schema: str, schemas: set[str]) -> str:
    """`ContactCard-Output` is what one reads, so it has the plain name if no other schema has it."""
    plain, _, side = schema.partition("-")
    return plain if side == "Output" and plain not in schemas else plain + side


def noun_of(path: str) -> str:
    """The room of an operation: the first part of its path that is no version."""
    return next(snake(part) for part in path.split("/") if part not in ("", "v1"))


def method_names(operations: list[tuple[str, str]]) -> dict[str, str]:
    """By operationId, what each is called within its noun; `operations` are (noun, operationId).

    `listCustomerMessages` of `customers` is `list_messages`; `sendMessages` beside `sendMessage` is `send_many`.
    """
    short = {each: _without_noun(*each) for each in operations}
    taken = {(noun, words) for (noun, _), (words, is_many) in short.items() if not is_many}
    names: dict[str, str] = {}
    for (noun, operation), (words, is_many) in short.items():
        names[operation] = f"{words}_many" if is_many and (noun, words) in taken else words
    for noun in {noun for noun, _ in operations}:
        called = [names[operation] for each, operation in operations if each == noun]
        for operation in [operation for each, operation in operations if each == noun]:
            if called.count(names[operation]) > 1:
                names[operation] = snake(operation)
    return names


def _without_noun(noun: str, operation: str) -> tuple[str, bool]:
    """The words that the noun leaves, and whether it stood in the plural."""
    words = [each for each in snake(operation).split("_") if each not in ("my", "one")]
    plural = noun.split("_")
    singular = [*plural[:-1], re.sub(r"s$", "", plural[-1])]
    for said in (plural, singular):
        for start in range(1, len(words) - len(said) + 1):
            if words[start : start + len(said)] == said:
                left = words[:start] + words[start + len(said) :]
                return _name("_".join(left)), said == plural and plural != singular and left[0] != "list"
    return _name("_".join(words)), False


def _name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name
