"""What commands read and print: counts, sections of short lines, and files that a person names."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from waystate.documents import shown
from waystate.errors import BadRequest

INDENT = "  "


def counted(count: int, one: str, many: str = "") -> str:
    """`1 number`, `2 numbers`, `1,000 numbers`; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def say(line: str) -> None:
    """Print a line of a list: what the terminal would obey is escaped, whoever wrote it there."""
    print(shown(line))


def read_file(file: Path, *, has_secrets: bool = False) -> bytes:
    """The file, or standard input for `-`. Where others may read its secrets, a warning says so on standard error."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        content = file.read_bytes()
        mode = file.stat().st_mode & 0o777
    except OSError as error:
        raise BadRequest("file_unreadable", f"{file} cannot be read: {error.strerror}.") from error
    if has_secrets and mode & 0o077:
        print(
            f"waystate: {file} holds secrets, and other users of this machine can read or change it (mode {mode:04o}). "
            f"Run: chmod 600 {file}",
            file=sys.stderr,
        )
    return content


def sections(document: Mapping[str, Any]) -> Iterator[str]:
    """Single values first, then a section for each list or object: short lines, nothing that is unset."""
    yield from _pairs({name: value for name, value in document.items() if not isinstance(value, list | dict)}, "")
    for name, value in document.items():
        if isinstance(value, list):
            yield from ("", f"{_words(name)}:" if value else f"{_words(name)}: none")
            for position, each in enumerate(value):
                yield from [""] * (position > 0)
                yield from _pairs(_flat(each), INDENT)
        elif isinstance(value, dict):
            is_empty = all(each is None for each in value.values())
            yield from ("", f"{_words(name)}: the defaults" if is_empty else f"{_words(name)}:")
            yield from _pairs(_flat(value), INDENT)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in document.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _pairs(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    shown = {name: _shown(value) for name, value in values.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        yield f"{indent}{name:<{width}}  {value}"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return shown(json.dumps(value, ensure_ascii=False))
    return shown(str(value))


def _words(name: str) -> str:
    return name.replace("_", " ")
