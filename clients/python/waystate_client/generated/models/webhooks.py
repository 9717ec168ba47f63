"""Of `webhooks`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.records import Record

__all__ = ["FieldProblem", "Problem", "WebhookTaken"]


class FieldProblem(Record):
    field: str
    problem: str


class Problem(Record):
    """RFC 9457. `code` is stable and for programs, `detail` is for people; a code may bring further members."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None
    """Each field, and what is wrong with it."""


class WebhookTaken(Record):
    """The answer to a webhook whose body is kept: its sender looks at the status alone."""

    pass
