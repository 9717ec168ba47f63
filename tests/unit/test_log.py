import io
import json
import logging
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from waystate.ids import new_id
from waystate.log import FILE_SIZE, Pseudonyms, configure
from waystate.messages.model import InboundMessage

NOW = datetime(2025, 3, 1, 12, 30, 45, 123456, tzinfo=UTC)
NUMBER = "919876543210"
WAMID = "wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgS"
PSEUDONYMS = Pseudonyms(b"k" * 32)


class Log:
    """The lines written since the last look, and a logger that writes them."""

    def __init__(self, level: Any = "DEBUG") -> None:
        self.stream = io.StringIO()
        configure(level, stream=self.stream, pseudonyms=PSEUDONYMS, clock=lambda: NOW)
        self.write = structlog.get_logger("waystate.test")

    def raw(self) -> str:
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return text

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_constant=pytest.fail) for line in self.raw().split("\n")[:-1]]

    def line(self) -> dict[str, Any]:
        (line,) = self.lines()
        return line


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_line_is_the_seeds_object_with_its_context_last(log: Log) -> None:
    mapping = new_id()
    log.write.info(
        "Mapping resolved", operation="inbound_identity_resolution", mapping_id=mapping, cache_hit=True, duration_ms=8
    )
    raw = log.raw()
    assert raw.endswith("\n")
    assert list(json.loads(raw).items()) == [
        ("timestamp", "2025-03-01T12:30:45.123Z"),
        ("level", "INFO"),
        ("service", "state-manager"),
        ("message", "Mapping resolved"),
        ("operation", "inbound_identity_resolution"),
        ("mapping_id", str(mapping)),
        ("cache_hit", True),
        ("duration_ms", 8),
    ]


def test_the_levels_are_the_seeds(log: Log) -> None:
    for method in ("debug", "info", "warning", "warn", "error", "critical"):
        getattr(log.write, method)("x")
    assert [line["level"] for line in log.lines()] == ["DEBUG", "INFO", "WARN", "WARN", "ERROR", "CRITICAL"]


@pytest.mark.parametrize(("floor", "kept"), [("DEBUG", 5), ("INFO", 4), ("WARN", 3), ("ERROR", 2), ("CRITICAL", 1)])
def test_nothing_below_the_floor_is_written(floor: str, kept: int) -> None:
    log = Log(floor)
    for method in ("debug", "info", "warning", "error", "critical"):
        getattr(log.write, method)("ours")
        getattr(logging.getLogger("a.library"), method)("theirs")
    messages = [line["message"] for line in log.lines()]
    assert (messages.count("ours"), messages.count("theirs")) == (kept, kept)


def test_a_line_below_the_floor_is_not_even_looked_at() -> None:
    class Untouchable:
        def __str__(self) -> str:
            raise AssertionError

    Log("INFO").write.debug(Untouchable(), wa_id=Untouchable())


def test_context_cannot_pose_as_the_head(log: Log) -> None:
    log.write.info("true", level="DEBUG", timestamp="never", service="other", message="false")
    assert list(log.line().items()) == [
        ("timestamp", "2025-03-01T12:30:45.123Z"),
        ("level", "INFO"),
        ("service", "state-manager"),
        ("message", "true"),
    ]


def test_bound_context_joins_the_line(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        log.write.bind(tenant_id="acme").info("x")
    line = log.line()
    assert (line["request_id"], line["tenant_id"]) == ("r1", "acme")


def test_a_library_writes_the_same_form(log: Log) -> None:
    logging.getLogger("a.library.access").warning("GET /state/mapping/%s", NUMBER)
    line = log.line()
    assert (line["level"], line["logger"]) == ("WARN", "a.library.access")
    assert line["message"] == f"GET /state/mapping/{PSEUDONYMS.contact(NUMBER)}"


def test_an_exception_is_told_with_its_trace(log: Log) -> None:
    try:
        raise LookupError(f"no conversation of {NUMBER}")
    except LookupError:
        log.write.exception("Look-up failed")
        logging.getLogger("a.library").exception("Theirs failed")
    for line in log.lines():
        assert line["level"] == "ERROR"
        assert f"LookupError: no conversation of {PSEUDONYMS.contact(NUMBER)}" in line["exception"]


def test_a_person_is_the_same_hash_everywhere_and_never_in_clear(log: Log) -> None:
    log.write.info("x", wa_id=NUMBER, wamid=WAMID, message_ids=[WAMID], whatsapp_message_id=WAMID, recipient=f"+{NUMBER}")
    log.write.info(f"{WAMID} of +91 98765-43210", key=f"t:acme:map:wa_id:1065:{NUMBER}", path=Path(f"/state/mapping/{NUMBER}"))
    first, second = log.lines()
    contact, wamid = PSEUDONYMS.contact(NUMBER), PSEUDONYMS.wamid(WAMID)
    assert (first["contact"], first["recipient"]) == (contact, contact)
    assert (first["wamid"], first["message_ids"], first["whatsapp_message_id"]) == (wamid, [wamid], wamid)
    assert "wa_id" not in first
    assert second["message"] == f"{wamid} of {contact}"
    assert (second["key"], second["path"]) == (f"t:acme:map:wa_id:1065:{contact}", f"/state/mapping/{contact}")


def test_what_is_hashed_already_and_our_own_ids_stay(log: Log) -> None:
    ours, contact, wamid = new_id(), PSEUDONYMS.contact(NUMBER), PSEUDONYMS.wamid(WAMID)
    log.write.info(f"about {ours}", contact=contact, wamid=wamid, user_id=ours, recipient_id=str(ours), wa_id=None)
    line = log.line()
    assert line["message"] == f"about {ours}"
    assert (line["user_id"], line["recipient_id"], line["wamid"]) == (str(ours), str(ours), wamid)


def test_names_texts_and_secrets_are_dropped_however_deep(log: Log) -> None:
    log.write.info(
        "x",
        contact_name="Maria",
        text="Maria",
        access_token="Maria",
        headers={"Authorization": "Maria", "X-Hub": "1"},
        contacts=[{"profile": {"name": "Maria"}, "wa_id": NUMBER}],
    )
    line = log.line()
    assert "Maria" not in json.dumps(line)
    assert line["headers"] == {"X-Hub": "1"}
    assert line["contacts"] == [{"contact": PSEUDONYMS.contact(NUMBER)}]


def test_a_value_object_is_shown_by_its_type_alone(log: Log) -> None:
    message = InboundMessage(wamid=WAMID, phone_number_id="1065", sent_at=NOW, wa_id=NUMBER, contact_name="Maria")
    log.write.info("x", item=message, raw_bytes=NUMBER.encode())
    line = log.line()
    assert (line["item"], line["raw_bytes"]) == ("<InboundMessage>", "<bytes>")


def test_the_ids_of_the_business_stay_readable(log: Log) -> None:
    log.write.info("x", phone_number_id="106540352242922", app_id="1234567890123", tenant_id="acme", at=NOW, count=20_250_301)
    line = log.line()
    assert (line["phone_number_id"], line["app_id"]) == ("106540352242922", "1234567890123")
    assert (line["tenant_id"], line["at"], line["count"]) == ("acme", "2025-03-01T12:30:45.123456Z", 20_250_301)


def test_data_that_an_error_quotes_is_left_out(log: Log) -> None:
    class Person(BaseModel):
        age: int

    try:
        Person.model_validate({"age": "Maria"})
    except ValueError as error:
        log.write.warning("Refused", error=error)
    log.write.error("Failed", error="null value\nDETAIL:  Failing row contains (7, Maria, 1).\nHINT: none")
    raw = log.raw()
    assert "Maria" not in raw
    assert "HINT: none" in raw


@given(
    st.from_regex(r"\+?[1-9][0-9]{7,14}", fullmatch=True),
    st.sampled_from(
        ["{}", "to {}.", "({})", "/x/{}?y=1", "a={}&b", '"{}"', "wa:{}", "contact-{}", "x_{}", "{}@c.us", "Key (wa_id)=({})"]
    ),
)
def test_no_number_survives_in_any_text(number: str, around: str) -> None:
    log = Log()
    log.write.info(
        around.format(number), anything=around.format(number), nested=[{around.format(number): around.format(number)}]
    )
    assert number.removeprefix("+") not in log.raw()


@given(
    st.dictionaries(
        st.text(min_size=1), st.recursive(st.text() | st.floats() | st.integers(), st.lists, max_leaves=5), max_size=4
    )
)
def test_whatever_is_logged_is_one_line_of_json(context: dict[str, Any]) -> None:
    log = Log()
    log.write.bind(**context).info("x\ny\ud800")
    assert log.line()["message"] == "x\ny?"


def test_a_context_that_cannot_be_shown_loses_no_line(log: Log) -> None:
    endless: list[Any] = []
    endless.append(endless)
    log.write.info("x", endless=endless, n=math.nan)
    assert log.line()["context_lost"] == "RecursionError"


def test_pseudonyms_are_16_digits_keyed_and_apart_by_kind() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", PSEUDONYMS.contact(NUMBER))
    assert PSEUDONYMS.contact(NUMBER) == PSEUDONYMS.contact(f" +{NUMBER}") == PSEUDONYMS.contact("+91 98765-43210")
    assert len({PSEUDONYMS.contact(NUMBER), PSEUDONYMS.wamid(NUMBER), Pseudonyms(b"j" * 32).contact(NUMBER)}) == 3
    assert PSEUDONYMS.contact("US.13491208655302741918") != PSEUDONYMS.contact("13491208655302741918")


def test_a_business_scoped_user_id_is_a_person_too(log: Log) -> None:
    log.write.info("from US.13491208655302741918", user_id="US.13491208655302741918")
    line = log.line()
    assert line["message"] == f"from {line['user_id']}"
    assert line["user_id"] == PSEUDONYMS.contact("US.13491208655302741918")


def test_a_logger_made_before_writes_where_the_last_configuration_says() -> None:
    first = Log()
    early = structlog.get_logger("waystate.early")
    early.info("one")
    second = Log()
    early.info("two")
    assert [line["message"] for line in first.lines()] == ["one"]
    assert [line["message"] for line in second.lines()] == ["two"]


def test_a_file_is_put_aside_when_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "log" / "serve.log"
    configure("INFO", path=path, pseudonyms=PSEUDONYMS)
    log = structlog.get_logger()
    log.info("first")
    with path.open("ab") as file:
        file.truncate(FILE_SIZE)
    log.info("second")
    assert json.loads(path.read_text())["message"] == "second"
    assert (tmp_path / "log" / "serve.log.1").stat().st_size == FILE_SIZE


def test_ids_are_told_apart_from_numbers() -> None:
    log = Log()
    log.write.info("x", mapping="018f2b1c-1111-7222-8333-123456789012", id=UUID(int=12345678))
    assert log.line()["mapping"] == "018f2b1c-1111-7222-8333-123456789012"
