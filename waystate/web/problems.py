"""Every refusal as an RFC 9457 problem: `application/problem+json` with a stable `code` and a `detail` that says what to do."""

import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waystate import documents
from waystate.db.failures import is_transient
from waystate.errors import BadRequest, Moved, Refused, Retry, Unavailable, Unprocessable
from waystate.ids import new_id
from waystate.web.field_problems import field_of, problem_of

Model = TypeVar("Model", bound=BaseModel)

Headers = list[tuple[bytes, bytes]]
OnError = Callable[[str, Exception, str], None]
"""(operation, error, request id): told once of every failure that nobody expected."""
Answers = MutableMapping[tuple[str, int], int]
"""(operation, status) → how often: a plain dict, because a counter with labels costs more than a look-up."""

UNMATCHED = "unmatched"
BODY_TOO_LARGE = "body_too_large"
MEDIA_TYPE = (b"content-type", b"application/problem+json")
_MOST_FIELDS = 20
_MOST_TOLD = 3
_MOST_FRAMES = 12
_log = structlog.get_logger("waystate.web")


class MethodNotAllowed(Refused):
    status, title = 405, "Method not allowed"

    def __init__(self, allow: str) -> None:
        super().__init__("method_not_allowed", f"This path takes {allow}. Use one of these methods.")
        self.allow = allow


class TooSlow(Refused):
    status, title = 408, "Request timeout"


class InternalError(Refused):
    status, title = 500, "Internal error"

    def __init__(self, request_id: str) -> None:
        detail = f"This is a fault of the server. Try again; if it stays, report it and quote the request id {request_id}."
        super().__init__("internal_error", detail, request_id=request_id)


class FieldProblem(BaseModel):
    field: str
    problem: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable and for programs, `detail` is for people; a code may bring further members."""

    model_config = ConfigDict(extra="allow")
    media_type: ClassVar[str] = "application/problem+json"

    type: str = Field(examples=["urn:waystate:problem:conversation_not_found"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = Field(default=None, description="Each field, and what is wrong with it.")


def render_problem(refused: Refused, instance: str | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the answer."""
    members = {"code": refused.code, "detail": refused.detail, **({"instance": instance} if instance else {})}
    return refused.status, _headers(refused), render_body(refused.status, refused.title, {**refused.extra, **members})


def invalid_fields(
    errors: Sequence[Mapping[str, Any]], model: type[BaseModel] | None = None, sent: Any = None
) -> Unprocessable:
    """The refusal for pydantic's list of errors: names of fields and what is wrong with each, never what was sent.

    `model` and the `sent` document are what the errors are of: by them a field that is unknown is told which may be meant.
    """
    fields = [
        {
            "field": field_of(error, sent),
            "problem": problem_of(error, model, sent),
        }
        for error in errors[:_MOST_FIELDS]
    ]
    told = "; ".join(f"{each['field']} {each['problem']}" for each in fields[:_MOST_TOLD])
    more = f"; and {len(errors) - _MOST_TOLD} more" if len(errors) > _MOST_TOLD else ""
    return Unprocessable(
        "invalid_request", f"Not usable: {told}{more}. Correct what `errors` names and send again.", errors=fields
    )


def check_query(query_string: bytes, taken: Mapping[str, bool], *, ignores: bool = False) -> None:
    """`taken`: which parameters an operation takes, and whether each may come several times. Raises Unprocessable.

    A filter that is mistyped must not find everything. `ignores`: unknown ones are not refused.
    """
    if not query_string:
        return
    came = Counter(name for name, _ in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    unknown = [name for name in came if name not in taken]
    if unknown and not ignores:
        takes = f"takes these alone: {', '.join(sorted(taken))}" if taken else "takes none"
        raise _refused_query("unknown_query_parameter", unknown, f"unknown; this operation {takes}", taken)
    if repeated := [name for name, several in taken.items() if came[name] > 1 and not several]:
        raise _refused_query("repeated_query_parameter", repeated, "came more than once; send it once", taken)


def _refused_query(code: str, names: Sequence[str], problem: str, taken: Collection[str]) -> Unprocessable:
    shown = [documents.clean_text(name[:100]) for name in names[:_MOST_FIELDS]]
    errors = [{"field": name, "problem": problem} for name in shown]
    detail = f"Not usable in the query: {', '.join(shown)} ({problem})."
    return Unprocessable(code, detail, errors=errors, parameters=sorted(taken))


def parse_body(model: type[Model], body: bytes) -> Model:
    """Through the one boundary that makes any JSON storable (the framework's own reading is none), then checked."""
    sent = documents.parse(body)
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False), model, sent) from None


def unreadable_body(error: documents.Unreadable) -> BadRequest:
    return BadRequest("unreadable_body", f"The body is {error}. Send one JSON document in UTF-8.")


def find_refusal(error: Exception) -> Refused | None:
    """What the caller is told of an error on purpose, or of a database that does not answer; None is a fault of ours."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, documents.Unreadable):
        return unreadable_body(error)
    if isinstance(error, Retry) or is_transient(error):
        return Unavailable("database_unavailable", "The database does not answer now. Send the same again.", retry_after=1.0)
    return None


def refusal_of(error: Exception, operation: str, on_error: OnError) -> Refused:
    """As `find_refusal`; a fault of ours is told to `on_error` and answered as such, with the request id it is found by."""
    refused = find_refusal(error)
    if refused is None:
        request_id = str(new_id())
        on_error(operation, error, request_id)
        return InternalError(request_id)
    return refused


def log_failure(operation: str, error: Exception, request_id: str) -> None:
    """One log entry with the way to the failure. Messages of exceptions stay out: they quote values, and so people."""
    _log.error("unhandled error", operation=operation, request_id=request_id, traceback=render_traceback(error))


def render_traceback(error: BaseException, depth: int = 5) -> str:
    """Types, SQLSTATEs and frames of the error and what caused it, without any message."""
    sqlstate = getattr(error, "sqlstate", None)
    lines = [f"{type(error).__module__}.{type(error).__qualname__}{f' (SQLSTATE {sqlstate})' if sqlstate else ''}\n"]
    lines += traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES)
    nested = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    if cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        nested.append(cause)
    return "".join([*lines, *(f"due to {render_traceback(each, depth - 1)}" for each in nested if depth)])


def _headers(refused: Refused) -> Headers:
    headers = [MEDIA_TYPE]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(max(1, ceil(refused.retry_after))).encode()))
    if isinstance(refused, MethodNotAllowed):
        headers.append((b"allow", refused.allow.encode()))
    if isinstance(refused, Moved):
        headers.append((b"location", refused.location.encode()))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def render_body(status: int, title: str, members: Mapping[str, Any]) -> bytes:
    document = {"type": f"urn:waystate:problem:{members['code']}", "title": title, "status": status}
    return documents.clean_text(documents.dump({**document, **members, **document})).encode()
