"""One call of the API: made of a method's arguments, tried again where that is safe, read into a model or an error."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeVar, cast, overload
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import httpx2
import pydantic_core
from pydantic import BaseModel, ValidationError

from waystate_client.errors import NoAnswer, UnexpectedAnswer, WaystateError, refusal
from waystate_client.records import UNSET, Record

T = TypeVar("T")

KEY_IN_USE = "idempotency_key_in_use"
BETWEEN = frozenset({502, 504})
"""What a proxy says that lost its server: like a connection that broke."""
MOST_REDIRECTS = 5
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_PASSING = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError)
_PAUSE = 0.25
"""Seconds before the second try of a connection that broke; twice as long before each further one."""


@dataclass(frozen=True)
class Retries:
    """`most`: how often a call is tried again. `longest_wait`: seconds; who is told to wait longer is told so by an error."""

    most: int = 3
    longest_wait: float = 30.0


@dataclass(frozen=True)
class Call:
    """`is_safe`: it may reach the server twice. `content` that is no bytes can be read once, so it is sent once."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    content: Any = None
    is_safe: bool = True

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def is_once(self) -> bool:
        return not (self.content is None or isinstance(self.content, bytes))


def new_call(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    nulls: Collection[str] = (),
    body: Any = None,
    content: Any = None,
    is_keyed: bool = False,
) -> Call:
    """With a new Idempotency-Key where it means something and none is given. `fields` are those of a JSON object, of which None
    is sent in `nulls` and in a PATCH alone; `body` is any JSON, `content` a file.
    """
    sent = {name.lower(): _text(value) for name, value in (headers or {}).items() if value is not None}
    if is_keyed:
        sent.setdefault("idempotency-key", str(uuid4()))
    if fields is not None:
        is_change = method == "PATCH"
        body = {
            name: value
            for name, value in fields.items()
            if value is not UNSET and (is_change or value is not None or name in nulls)
        }
    if body is not None:
        content, sent["content-type"] = pydantic_core.to_json(_plain(body)), "application/json"
    elif content is not None:
        sent.setdefault("content-type", "application/octet-stream")
    asked = tuple((name, _text(each)) for name, value in (query or {}).items() for each in _several(value))
    return Call(method, path, asked, sent, content, is_safe=is_keyed or method in ("GET", "PUT", "DELETE"))


def pause_after(call: Call, tries: int, outcome: httpx2.Response | Exception, retries: Retries) -> float | None:
    """Seconds to wait before the next try; None: this outcome stands. `tries` were made. Pure, but for the dice."""
    if tries > retries.most or call.is_once:
        return None
    backoff = min(_PAUSE * 2 ** (tries - 1), retries.longest_wait) * random.uniform(0.5, 1.0)
    if isinstance(outcome, Exception):
        return backoff if isinstance(outcome, _NEVER_SENT) or (isinstance(outcome, _PASSING) and call.is_safe) else None
    if outcome.status_code in BETWEEN:
        return backoff if call.is_safe else None
    is_told = outcome.status_code in (429, 503) or (outcome.status_code == 409 and _problem(outcome).get("code") == KEY_IN_USE)
    asked = retry_after(outcome)
    if not is_told or asked is None:
        return backoff if outcome.status_code == 503 and call.is_safe else None
    return asked if asked <= retries.longest_wait else None


def retry_after(answer: httpx2.Response) -> float | None:
    """Seconds, of a header that has them or a date."""
    said = answer.headers.get("retry-after", "")
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def redirected(call: Call, answer: httpx2.Response) -> Call | None:
    """To where a thing is now, on this server alone: no other one gets the key."""
    if answer.status_code not in (307, 308) or "location" not in answer.headers or call.is_once:
        return None
    there = str(answer.request.url.join(answer.headers["location"]))
    if urlsplit(there)[:2] != urlsplit(str(answer.request.url))[:2]:
        return None
    return replace(call, path=there, query=())


def read(answer: httpx2.Response, reads: Any) -> Any:
    """A model, text, None, or where to go on; raises what a refusal is."""
    if reads == "location" and answer.status_code in (302, 303):
        return answer.headers.get("location", "")
    if not answer.is_success:
        raise _refused(answer)
    if isinstance(reads, Mapping):
        reads = reads.get(answer.status_code, next(iter(reads.values())))
    if reads is None:
        return None
    if reads is str:
        return answer.text
    try:
        if reads == "json":
            return answer.json() if answer.content else None
        found = reads.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnexpectedAnswer(_not_understood(answer, error)) from None
    except ValueError:
        raise UnexpectedAnswer(f"{_who(answer)} answered {answer.status_code} with something that is no JSON.") from None
    if isinstance(found, Record):
        found._etag = answer.headers.get("etag")
    return found


def no_answer(call: Call, url: httpx2.URL, tries: int, error: Exception) -> WaystateError:
    may_have_happened = not isinstance(error, _NEVER_SENT) and call.method != "GET"
    why = str(error) or type(error).__name__
    told = f"{call.method} {call.path}: no answer of {url} in {tries} {'try' if tries == 1 else 'tries'} ({why})."
    if not may_have_happened:
        advice = "Check the address, and that Waystate runs there: GET /health."
    elif call.key:
        advice = f"It may have been done: the same call with idempotency_key={call.key!r} within 24 hours is done once."
    else:
        advice = "It may have been done: look before you do it again."
    return NoAnswer(f"{told} {advice}", may_have_happened=may_have_happened, idempotency_key=call.key)


def in_path(value: Any) -> str:
    """An id as a part of a path; it must not be empty, or the path would name something else."""
    text = _text(value)
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no id")
    return quote(text, safe="")


class Caller:
    """Calls of one server, one after another or from many threads."""

    def __init__(self, http: httpx2.Client, retries: Retries) -> None:
        self._http, self._retries = http, retries

    @overload
    def call(self, method: str, path: str, reads: type[T], **given: Any) -> T: ...
    @overload
    def call(self, method: str, path: str, reads: None, **given: Any) -> None: ...
    @overload
    def call(self, method: str, path: str, reads: Literal["location"], **given: Any) -> str: ...
    @overload
    def call(self, method: str, path: str, reads: Literal["json"] | Mapping[int, type], **given: Any) -> Any: ...
    def call(self, method: str, path: str, reads: Any, **given: Any) -> Any:
        """`given` as `new_call` takes it."""
        call = new_call(method, path, **given)
        for _ in range(MOST_REDIRECTS):
            answer = self._answer(call)
            if (further := redirected(call, answer)) is None:
                break
            call = further
        return read(answer, reads)

    def stream(self, method: str, path: str, **given: Any) -> Iterator[bytes]:
        """What comes, as it comes; it is not tried again."""
        call = new_call(method, path, **given)
        try:
            with self._http.stream(
                call.method, call.path, params=call.query or None, headers=call.headers, content=call.content
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                yield from answer.iter_bytes()
        except httpx2.TransportError as error:
            raise no_answer(call, self._http.base_url, 1, error) from error

    def _answer(self, call: Call) -> httpx2.Response:
        tries = 0
        while True:
            tries += 1
            outcome: httpx2.Response | Exception
            try:
                outcome = self._http.request(
                    call.method, call.path, params=call.query or None, headers=call.headers, content=call.content
                )
            except httpx2.TransportError as error:
                outcome = error
            pause = pause_after(call, tries, outcome, self._retries)
            if pause is not None:
                time.sleep(pause)
            elif isinstance(outcome, httpx2.Response):
                return outcome
            else:
                raise no_answer(call, self._http.base_url, tries, outcome) from outcome


class AsyncCaller:
    """Calls of one server, as many at once as its connections."""

    def __init__(self, http: httpx2.AsyncClient, retries: Retries) -> None:
        self._http, self._retries = http, retries

    @overload
    async def call(self, method: str, path: str, reads: type[T], **given: Any) -> T: ...
    @overload
    async def call(self, method: str, path: str, reads: None, **given: Any) -> None: ...
    @overload
    async def call(self, method: str, path: str, reads: Literal["location"], **given: Any) -> str: ...
    @overload
    async def call(self, method: str, path: str, reads: Literal["json"] | Mapping[int, type], **given: Any) -> Any: ...
    async def call(self, method: str, path: str, reads: Any, **given: Any) -> Any:
        """`given` as `new_call` takes it."""
        call = new_call(method, path, **given)
        for _ in range(MOST_REDIRECTS):
            answer = await self._answer(call)
            if (further := redirected(call, answer)) is None:
                break
            call = further
        return read(answer, reads)

    async def stream(self, method: str, path: str, **given: Any) -> AsyncIterator[bytes]:
        """What comes, as it comes; it is not tried again."""
        call = new_call(method, path, **given)
        try:
            async with self._http.stream(
                call.method, call.path, params=call.query or None, headers=call.headers, content=call.content
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refused(answer)
                async for each in answer.aiter_bytes():
                    yield each
        except httpx2.TransportError as error:
            raise no_answer(call, self._http.base_url, 1, error) from error

    async def _answer(self, call: Call) -> httpx2.Response:
        tries = 0
        while True:
            tries += 1
            outcome: httpx2.Response | Exception
            try:
                outcome = await self._http.request(
                    call.method, call.path, params=call.query or None, headers=call.headers, content=call.content
                )
            except httpx2.TransportError as error:
                outcome = error
            pause = pause_after(call, tries, outcome, self._retries)
            if pause is not None:
                await asyncio.sleep(pause)
            elif isinstance(outcome, httpx2.Response):
                return outcome
            else:
                raise no_answer(call, self._http.base_url, tries, outcome) from outcome


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _moment(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: say datetime(…, tzinfo=UTC), or datetime.now(UTC)")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """As JSON has it. Of a model, what was set."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(by_alias=True, exclude_unset=True))
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if each is not UNSET}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date | UUID):
        return _text(value)
    return value


def _problem(answer: httpx2.Response) -> dict[str, Any]:
    """What a refusal says, or {} where it is not Waystate's."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return cast(dict[str, Any], body) if isinstance(body, dict) and "code" in body else {}


def _refused(answer: httpx2.Response) -> WaystateError:
    status = answer.status_code
    if 300 <= status < 400:
        return UnexpectedAnswer(f"{_who(answer)} sends you on to {answer.headers.get('location')!r}. Use that address.")
    told = f"{_who(answer)} answered {status}, not as Waystate does: something between you and it may have. Try later."
    return refusal(status, _problem(answer) or {"detail": told}, retry_after=retry_after(answer))


def _not_understood(answer: httpx2.Response, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the answer"
    return (
        f"{_who(answer)} answered with what this version of the client does not understand ({where}: {first['msg']}). "
        "Check the address, and update waystate-client."
    )


def _who(answer: httpx2.Response) -> str:
    return f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
