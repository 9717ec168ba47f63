"""A file of customers: CSV as spreadsheets write it, or a JSON object a line. What is exported reads as what it was. Pure."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waystate.documents import JsonObject, Unreadable, clean_text, dump, parse
from waystate.errors import Unprocessable

COLUMNS = (
    *("id", "waIds", "userIds", "phoneNumber", "name", "email", "username", "language", "profilePictureUrl"),
    *("tags", "preferences", "metadata", "kind", "groupId", "messageCount", "lastMessageAt", "createdAt"),
)
"""Of an exported CSV, in this order."""
READ_ONLY = frozenset({"kind", "groupId", "messageCount", "lastMessageAt", "lastActivityAt", "createdAt", "editedAt"})
"""Told, and not taken back."""
LONGEST_ROW = 128 * 1024
"""Bytes."""
_LISTS = {"waIds": " ", "userIds": " ", "tags": ";"}
_DOCUMENTS = frozenset({"preferences", "metadata"})
_ALSO = {"waid": "waIds", "userid": "userIds", "phone": "phoneNumber", "tag": "tags"}
_KNOWN = {each.lower(): each for each in (*COLUMNS, *sorted(READ_ONLY - set(COLUMNS)))} | _ALSO
_WHO = frozenset({"id", "waIds", "userIds", "phoneNumber"})
_DANGEROUS = "=+-@\t\r\n＝＋－＠"
"""What a spreadsheet may take for the beginning of a formula: https://owasp.org/www-community/attacks/CSV_Injection"""
_GUARDED = re.compile(f"'+[{re.escape(_DANGEROUS)}']")
_DELIMITERS = ",;\t"


class FileFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class FileRow:
    """What one row says, by the names of the API; `line` is where it begins, the first being 1. `size` is in bytes."""

    line: int
    said: JsonObject
    size: int


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int
    code: str
    detail: str


class RowReader:
    """Takes bytes as they come, and gives rows as soon as they are whole; it holds no more than one.

    `declared`: None is found out. Raises Unprocessable for a header that no row can be read by.
    """

    def __init__(self, declared: FileFormat | None = None) -> None:
        self._format = declared
        self._rest = bytearray()
        self._searched = 0
        self._line = 0
        self._is_skipping = False
        self._record: list[tuple[int, bytes]] = []
        self._record_size = 0
        self._is_quoted = False
        self._header: _Header | None = None

    def feed(self, chunk: bytes) -> Iterator[FileRow | BadRow]:
        self._rest += chunk
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = bytes(self._rest[: end + 1])
            del self._rest[: end + 1]
            self._searched = 0
            yield from self._take(line)
        self._searched = len(self._rest)
        if len(self._rest) > LONGEST_ROW:
            # Its end is not waited for: nothing of it is held.
            line = bytes(self._rest)
            self._rest.clear()
            self._searched = 0
            if not self._is_skipping:
                self._is_skipping = True
                yield self._too_long(self._line + 1, line)

    def end(self) -> Iterator[FileRow | BadRow]:
        if self._rest or self._is_skipping:
            yield from self._take(bytes(self._rest))
        while self._record:
            yield from self._give_up()

    def _take(self, line: bytes) -> Iterator[FileRow | BadRow]:
        self._line += 1
        if self._is_skipping:
            self._is_skipping = False
            return
        if len(line) > LONGEST_ROW:
            yield self._too_long(self._line, line)
            return
        line = self._begin(self._line, line)
        if self._format is FileFormat.NDJSON:
            if line.strip():
                yield _of_json(self._line, line)
        else:
            yield from self._take_csv(self._line, line)

    def _begin(self, number: int, line: bytes) -> bytes:
        """The line without what marks the beginning of a file; from the first one on it is known what the file is."""
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if self._format is None:
            self._format = FileFormat.NDJSON if line.lstrip()[:1] == b"{" else FileFormat.CSV
        return line

    def _too_long(self, number: int, line: bytes) -> BadRow:
        self._begin(number, line)
        if self._format is FileFormat.CSV and self._header is None:
            raise _no_header(f"its first line is longer than {LONGEST_ROW} bytes; lines end with a line feed")
        return BadRow(number, "row_too_long", f"The row is longer than {LONGEST_ROW} bytes.")

    def _take_csv(self, number: int, line: bytes) -> Iterator[FileRow | BadRow]:
        """A record goes on while a quote is open."""
        if not self._record and not line.strip():
            return
        self._record.append((number, line))
        # Counted as it grows: many short lines behind an open quote would else be looked at again with each one.
        self._record_size += len(line)
        self._is_quoted ^= line.count(b'"') % 2 == 1
        if self._is_quoted:
            if self._record_size > LONGEST_ROW:
                yield from self._give_up()
            return
        whole = self._end_record()
        yield from self._read(whole[0][0], b"".join(each for _, each in whole))

    def _end_record(self) -> list[tuple[int, bytes]]:
        """The lines that it was made of."""
        whole, self._record, self._record_size, self._is_quoted = self._record, [], 0, False
        return whole

    def _give_up(self) -> Iterator[FileRow | BadRow]:
        """A quote that is never closed makes one line unreadable, not all that follow."""
        (first, _), *others = self._end_record()
        if self._header is None:
            raise _no_header("its first line has a quote that is never closed")
        yield BadRow(first, "quote_not_closed", "A cell begins with a quote that is never closed. Close it, or double it.")
        for number, line in others:
            yield from self._take_csv(number, line)

    def _read(self, number: int, record: bytes) -> Iterator[FileRow | BadRow]:
        try:
            text = record.decode("utf-8")
        except UnicodeDecodeError:
            if self._header is None:
                raise _no_header("it is not in UTF-8; save it as CSV UTF-8") from None
            yield BadRow(number, "not_utf8", "The row is not in UTF-8. Save the file as CSV UTF-8.")
            return
        if self._header is None:
            self._header = _Header(text.rstrip("\r\n"))
        else:
            yield self._header.read(number, text.rstrip("\r\n"), len(record))


class _Header:
    """The columns of a CSV file, and what stands between them: a spreadsheet writes `;` where a comma is the decimal sign."""

    def __init__(self, line: str) -> None:
        self._delimiter, cells = _split_header(line)
        names = [_column(cell) for cell in cells]
        unknown = [cell.strip() for cell, name in zip(cells, names, strict=True) if name is None]
        if unknown or not cells:
            raise _no_header(f"these are no columns: {', '.join(unknown[:10])}", columns=list(COLUMNS))
        self._names = [name for name in names if name is not None]
        if twice := sorted(name for name, count in Counter(self._names).items() if count > 1):
            raise _no_header(f"it has more than one column `{twice[0]}`")
        if _WHO.isdisjoint(self._names):
            raise _no_header("no column says who the customers are: `phoneNumber`, `waIds`, `userIds` or `id`")

    def read(self, line: int, text: str, size: int) -> FileRow | BadRow:
        try:
            cells = _cells(text, self._delimiter)
        except csv.Error as error:
            return BadRow(line, "not_csv", f"The row cannot be read: {error}.")
        if len(cells) != len(self._names):
            return BadRow(
                line,
                "cells_do_not_fit",
                f"The row has {len(cells)} cells, and the header {len(self._names)}. Put a cell with a comma into quotes.",
            )
        said: JsonObject = {}
        for name, cell in zip(self._names, cells, strict=True):
            if cell == "" or name in READ_ONLY:
                continue
            try:
                said[name] = _parse_cell(name, clean_text(_unguarded(cell)))
            except Unreadable as error:
                return BadRow(line, "not_json", f"`{name}` is {error}.")
        return FileRow(line, said, size)


def header_line() -> str:
    return _line_of(COLUMNS)


def render_csv(customers: Iterable[Mapping[str, Any]]) -> str:
    """Rows of customers as the API answers them. A cell that a spreadsheet would take for a formula begins with `'`."""
    return "".join(_line_of([_guarded(_cell(name, each[name])) for name in COLUMNS]) for each in customers)


def _line_of(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _split_header(line: str) -> tuple[str, list[str]]:
    """What stands between its cells, and these: whatever makes the most columns of it. Quoted cells are none to a wrong one."""
    read: list[tuple[str, list[str]]] = []
    why = ""
    for delimiter in _DELIMITERS:
        try:
            read.append((delimiter, _cells(line, delimiter)))
        except csv.Error as error:
            why = str(error)
    if not read:
        if "\r" in line:
            why = "its lines end with a carriage return alone; save it as CSV UTF-8"
        raise _no_header(why)
    return max(read, key=lambda each: sum(_column(cell) is not None for cell in each[1]))


def _column(written: str) -> str | None:
    return _KNOWN.get(re.sub(r"[\s_\-]", "", written).lower())


def _cell(name: str, value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if name in _LISTS:
        between = _LISTS[name]
        is_plain = not any(between in each or each.startswith("[") or each != each.strip() for each in value)
        return between.join(value) if is_plain else dump(value)
    return dump(value) if name in _DOCUMENTS else str(value)


def _parse_cell(name: str, cell: str) -> Any:
    if name in _DOCUMENTS or (name in _LISTS and cell.startswith("[")):
        return parse(cell.encode())
    if name in _LISTS:
        parts = cell.split() if name != "tags" else [each.strip() for each in cell.split(_LISTS[name])]
        return [each for each in parts if each]
    return cell


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(tuple(_DANGEROUS)) or _GUARDED.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _of_json(line: int, raw: bytes) -> FileRow | BadRow:
    try:
        said = parse(raw)
    except Unreadable as error:
        return BadRow(line, "not_json", f"The line is {error}.")
    if not isinstance(said, dict):
        return BadRow(line, "not_json", "The line is no JSON object, { … }.")
    renamed: JsonObject = {_ALSO.get(str(key).lower()) or str(key): value for key, value in said.items()}
    if unknown := sorted(set(renamed) - set(_KNOWN.values())):
        return BadRow(line, "fields_unknown", f"There is no field {', '.join(f'`{each[:64]}`' for each in unknown[:5])}.")
    for name in _LISTS:
        if isinstance(renamed.get(name), str):
            renamed[name] = [renamed[name]]
    return FileRow(line, {key: value for key, value in renamed.items() if key not in READ_ONLY}, len(raw))


def _no_header(why: str, **extra: Any) -> Unprocessable:
    return Unprocessable(
        "header_unusable",
        f"The file's header cannot be used: {why}. An export shows which columns there are.",
        **extra,
    )
