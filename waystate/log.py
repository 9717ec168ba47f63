"""Logs: one JSON object a line, `timestamp, level, service, message`, then the context (seed 000). No person ever in clear.

Use: `_log = structlog.get_logger("waystate.web")`, `_log.info("Mapping resolved", wa_id=…, duration_ms=8)`. Context fields that
hold a person's id become keyed hashes, names, texts and secrets are dropped, and what looks like a number of a person inside
any other text is hashed as well. Values that are no plain data (a message, a request) are shown by their type alone.
"""

import hashlib
import hmac
import logging
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import date
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID

import pydantic_core
import structlog

from waystate.clock import Clock, iso, utc_now
from waystate.config import LogLevel

SERVICE: Final = "state-manager"
FILE_SIZE: Final = 50 * 1024 * 1024
"""Bytes a log file grows to before it is put aside; `FILES_KEPT` of them stay, so a full disk is never the log's doing."""
FILES_KEPT: Final = 5


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEVELS: dict[LogLevel, int] = {"DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "CRITICAL": 50}
_NAMES = {"warning": "WARN", "exception": "ERROR", "fatal": "CRITICAL"}
_CONTACT_FIELDS = _words("contact wa_id waid user_id parent_user_id bsuid phone phone_number recipient recipient_id")
_WAMID_FIELDS = _words("wamid meta_message_id metamessageid whatsapp_message_id")
_DROPPED_FIELDS = _words(
    "name contact_name contactname profile_name profile email text message_text body content caption payload raw"
)
_BUSINESS_FIELDS = _words("phone_number_id app_id meta_app_id waba_id business_account_id integration_id account")
"""Ids of the business, no person's, that look like phone numbers; they stay readable."""
_SECRET = re.compile(r"password|secret|token|authorization|api_?key|master_?key|cookie", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{16}")
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_PERSONAL = re.compile(
    rf"(?P<uuid>{_UUID})|(?P<wamid>wamid\.[A-Za-z0-9+/=_-]+)|\b[A-Z]{{2}}\.(?:ENT\.)?\d\w{{7,}}|\+\d[\d ().-]{{6,18}}\d"
    r"|(?<![A-Za-z0-9.])\d{8,15}(?![A-Za-z0-9]|\.\d)"
)
_QUOTED = re.compile(r"(?<=input_value=).*?(?=, input_type=)|(?<=DETAIL:).*")
"""Where pydantic and PostgreSQL quote the data they refuse."""
_WRITTEN_NUMBER = re.compile(r"\+?\d[\d ().-]*")
_QUIET = ("httpx2", "httpcore2", "asyncio", "alembic")


class Pseudonyms:
    """The same person or message is the same 16 hexadecimal digits under one key, so lines join without the number."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def contact(self, value: str) -> str:
        """`+91 9…` and `919…` are the same contact."""
        value = value.strip()
        return self._hash(b"contact", re.sub(r"\D", "", value) if _WRITTEN_NUMBER.fullmatch(value) else value)

    def wamid(self, value: str) -> str:
        return self._hash(b"wamid", value)

    def _hash(self, kind: bytes, value: str) -> str:
        return hmac.digest(self._key, kind + b":" + value.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:16]


def configure(
    level: LogLevel = "INFO",
    *,
    path: Path | None = None,
    stream: TextIO | None = None,
    pseudonyms: Pseudonyms | None = None,
    clock: Clock = utc_now,
) -> None:
    """Send this process's logs, those of libraries included, to `path` (one process a file), else to `stream`, else to stderr.

    Call it once, first thing: a module's logger keeps the level of its first use. Without `pseudonyms` hashes hold for this
    process only.
    """
    line = _Line(pseudonyms or Pseudonyms(secrets.token_bytes(32)), clock)
    handler = _handler(path, stream)
    handler.setFormatter(_Lines(line))
    root = logging.getLogger()
    if _output.handler is not None:
        root.removeHandler(_output.handler)
        _output.handler.close()
    _output.handler, _output.line = handler, line
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))
    _processors[:] = [structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, line]
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _output,
        cache_logger_on_first_use=True,
    )


def use_pseudonyms(pseudonyms: Pseudonyms) -> None:
    """From here on. Those of an installation are in its database, and something may have to be logged before that is open."""
    if _output.line is not None:
        _output.line.hide_by(pseudonyms)


class _Output:
    """What all loggers share, so that one configured later writes to the same place."""

    handler: logging.Handler | None = None
    line: "_Line | None" = None

    def msg(self, line: str) -> None:
        if self.handler is not None:
            self.handler.handle(logging.makeLogRecord({"msg": line, "rendered": True}))

    debug = info = warning = error = critical = exception = fatal = log = msg


_output = _Output()
_processors: list[Any] = []


class _Line:
    """The last structlog processor: an event becomes its line. It never raises: a log line must not fail what it reports."""

    def __init__(self, pseudonyms: Pseudonyms, clock: Clock) -> None:
        self._clock = clock
        self.hide_by(pseudonyms)

    def hide_by(self, pseudonyms: Pseudonyms) -> None:
        self._hide = _Privacy(pseudonyms)

    def __call__(self, _: Any, method: str, event: Mapping[str, Any]) -> str:
        context = dict(event)
        message = str(context.pop("event", ""))
        level = _NAMES.get(method, method.upper())
        return self.render(level, message, context)

    def render(self, level: str, message: str, context: Mapping[str, Any]) -> str:
        head = {"timestamp": iso(self._clock()), "level": level, "service": SERVICE, "message": self._hide.text(message)}
        try:
            fields = self._hide.fields(context)
            return pydantic_core.to_json({**head, **fields, **head}, inf_nan_mode="null").decode()
        except (ValueError, RecursionError) as error:
            return pydantic_core.to_json({**head, "context_lost": type(error).__name__}).decode()


class _Lines(logging.Formatter):
    """Libraries' records take the same form; ours arrive rendered."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "rendered", False):
            return str(record.msg)
        context = {"logger": record.name}
        if record.exc_info:
            context["exception"] = self.formatException(record.exc_info)
        return self._line.render(_NAMES.get(record.levelname.lower(), record.levelname), record.getMessage(), context)


class _Privacy:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._kinds: dict[str, Callable[[str], str]] = {"contact": pseudonyms.contact, "wamid": pseudonyms.wamid}

    def fields(self, context: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, value in context.items():
            place = key.lower()
            if place in _DROPPED_FIELDS or _SECRET.search(key):
                continue
            if place in _CONTACT_FIELDS:
                shown["contact" if place in ("wa_id", "waid") else key] = self._hashed("contact", value)
            elif place in _WAMID_FIELDS:
                shown[key] = self._hashed("wamid", value)
            elif place in _BUSINESS_FIELDS:
                shown[key] = _storable(str(value))
            else:
                shown[self.text(key)] = self._value(value)
        return shown

    def text(self, text: str) -> str:
        """Free text: errors of the database quote the row, access logs the path."""
        return _storable(_PERSONAL.sub(self._replace, _QUOTED.sub("…", text)))

    def _replace(self, match: re.Match[str]) -> str:
        if match["uuid"]:
            return match[0]
        return self._pseudonyms.wamid(match[0]) if match["wamid"] else self._pseudonyms.contact(match[0])

    def _hashed(self, kind: str, value: Any) -> Any:
        """Ids of our own and what is hashed already stay; a list is hashed one by one."""
        if value is None or isinstance(value, UUID):
            return value
        if isinstance(value, list | tuple | set | frozenset):
            return [self._hashed(kind, each) for each in value]
        text = str(value)
        return text if _HASH.fullmatch(text) or re.fullmatch(_UUID, text) else self._kinds[kind](text)

    def _value(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float() | UUID() | date():
                return value
            case str() | Path() | BaseException():
                return self.text(str(value))
            case Mapping():
                return self.fields({str(key): each for key, each in value.items()})
            case list() | tuple() | set() | frozenset():
                return [self._value(each) for each in value]
        return f"<{type(value).__name__}>"


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _handler(path: Path | None, stream: TextIO | None) -> logging.Handler:
    if path is None:
        return logging.StreamHandler(stream or sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return RotatingFileHandler(path, maxBytes=FILE_SIZE, backupCount=FILES_KEPT, encoding="utf-8")
