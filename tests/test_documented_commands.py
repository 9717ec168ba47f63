"""What the documents tell people to type: each command, option, target, variable and operation is one there is."""

import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from waystate.cli.main import app
from waystate.framework import OPERATIONS
from waystate.messages.model import Direction
from waystate.messages.status import parse_status, words_of

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|(?<=[\s(/]))waystate ([^\n|&;<>)#]*)", re.MULTILINE)
TARGET = re.compile(r"(?:^|(?<=\s))make ([a-z]+)")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s?]*)")
CURLED = re.compile(r"curl .*?(?:\$URL|\$\(demo base_url\)|https://waystate\.example\.com)(/[^\s\"?]*)")

Named = Iterator[tuple[str, bool]]
"""What a page names, and whether it is there."""
Check = Callable[[str], Named]


def code_of(page: str) -> list[str]:
    """The lines that are typed in a shell, continued ones as one, and what stands in backticks."""
    typed = "\n".join(text for language, text in FENCED.findall(page) if language == "sh").replace("\\\n", " ")
    return typed.splitlines() + SPAN.findall(FENCED.sub("", page))


def commands(page: str) -> Named:
    for code in code_of(page):
        for words in COMMAND.findall(code):
            yield f"waystate {words}", is_command(words.split())


def is_command(words: list[str]) -> bool:
    """Words are commands down to the arguments, and every option is one of a command on the way."""
    command: Any = typer.main.get_command(app)
    options = {"--help"} | own_options(command)
    while words and words[0] in (following := getattr(command, "commands", {})):
        command = following[words.pop(0)]
        options |= own_options(command)
    named = {word.partition("=")[0] for word in words if word.startswith("--")}
    # Of a group the next word is a command; what is no word, such as …, stands for any.
    astray = hasattr(command, "commands") and words and re.fullmatch(r"[a-z][a-z-]*", words[0])
    return named <= options and not astray


def options_alone(page: str) -> Named:
    for code in code_of(page):
        if code.startswith("--"):
            yield code, re.split(r"[ =]", code)[0] in every_option(typer.main.get_command(app))


def own_options(command: Any) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


def every_option(command: Any) -> set[str]:
    return own_options(command).union(*(every_option(each) for each in getattr(command, "commands", {}).values()))


def commands_of(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from commands_of(each, *path, name)


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands_of(typer.main.get_command(app))]
)
def test_the_help_of_every_command_has_an_example_that_it_understands(path: tuple[str, ...], command: Any) -> None:
    said = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    (example,) = re.findall(r"^[ │]*Example: waystate (.*?)[ │]*$", said, re.MULTILINE)
    words = shlex.split(example)
    assert tuple(words[: len(path)]) == path
    while words and (following := getattr(command, "commands", {}).get(words[len(path)] if len(words) > len(path) else "")):
        path, command = (*path, words[len(path)]), following
    # It is read as it would be to be run; a word or option too many is an error.
    assert command.make_context("waystate", words[len(path) :]) is not None


def targets(page: str) -> Named:
    known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for code in code_of(page):
        for target in TARGET.findall(code):
            yield f"make {target}", target in known


def variables(page: str) -> Named:
    """Each is set by the page itself, or stands as a text in the code, which reads it, or is a name of its own there."""
    code = "\n".join(code_of(page))
    own = set(re.findall(r"\b([A-Z_]+)=", "\n".join(text for _, text in FENCED.findall(page))))
    for name in sorted(set(VARIABLE.findall(code)) - own):
        yield name, name in variables_of_the_code()


@cache
def variables_of_the_code() -> set[str]:
    found = set(VARIABLE.findall((ROOT / "Makefile").read_text()))
    for path in (each for folder in ("waystate", "tests", "benchmarks") for each in (ROOT / folder).rglob("*.py")):
        if path != Path(__file__):
            found |= set(VARIABLE.findall("\n".join(re.findall(r"\"[^\"\n]*\"|^[A-Z_]+\b", path.read_text(), re.MULTILINE))))
    return found


def shell_variables(page: str) -> Named:
    """What a line uses, the page has set before; a reader's shell has nothing but HOME."""
    typed = "\n".join(text for language, text in FENCED.findall(page) if language == "sh")
    for used in re.finditer(r"\$\{?([A-Z][A-Z0-9_]*)(?!\w|:-)", typed):
        yield used[0], used[1] == "HOME" or re.search(rf"\b{used[1]}=", typed[: used.start()]) is not None


def operations(page: str) -> Named:
    for code in code_of(page):
        called = CALL.findall(code)
        for path in CURLED.findall(code):
            said = re.search(r" -X (\w+)", code)
            has_body = " -G " not in code and re.search(r" (-d|--data-binary) ", code) is not None
            called.append((said[1] if said else "POST" if has_body else "GET", path))
        for method, path in called:
            if not path.startswith("/simulator/"):
                yield f"{method} {path}", is_operation(method, path)


def is_operation(method: str, path: str) -> bool:
    # `{id}`, `$ID` and `$(…)` stand for something without a slash.
    concrete = re.sub(r"\$\([^)]*\)?|\{[^}]*\}", "x", path)
    return any(each == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), concrete) for each, known in OPERATIONS)


CHECKS: dict[Check, int] = {commands: 80, options_alone: 3, targets: 25, variables: 100, shell_variables: 60, operations: 100}
"""How many there are at the least, over all pages: a check that finds fewer does not look any more."""


@pytest.mark.parametrize("check", CHECKS)
def test_what_the_documents_say_to_type_is_there(check: Check) -> None:
    named = [(f"{path.relative_to(ROOT)}: {name}", known) for path in PAGES for name, known in check(path.read_text())]
    assert len(named) >= CHECKS[check]
    assert [name for name, known in named if not known] == []


@pytest.mark.parametrize(
    ("check", "page"),
    [
        (commands, "Run `waystate dmeo`."),
        (commands, "Run `waystate tenant aply acme.json`."),
        (commands, "```sh\nexport A=1; .venv/bin/waystate tenant list \\\n  --al   # all\n```\n"),
        (commands, "```sh\nKEY=$(waystate keys create acme me --scoped platform)\n```\n"),
        (options_alone, "With `--al`."),
        (targets, "```sh\nmake instal\n```\n"),
        (variables, "Set `WAYSTATE_HOUSE`."),
        (shell_variables, '```sh\ncurl -s "$URL/health"\nURL=http://127.0.0.1:3005\n```\n'),
        (operations, "See `GET /v1/letters`."),
        (operations, '```sh\ncurl -s "$URL/v1/tenants" \\\n  -H "x: y"\n```\n'),
        (operations, '```sh\ncurl -s "$URL/v1/audit" -d x\n```\n'),
    ],
)
def test_what_is_not_there_is_found(check: Check, page: str) -> None:
    assert [known for _, known in check(page)] == [False]


def test_the_table_of_reported_words_says_what_each_means() -> None:
    page = (ROOT / "docs" / "reference" / "states.md").read_text()
    table = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \|$", page, re.MULTILINE)
    words = {*words_of(Direction.OUTBOUND), *words_of(Direction.INBOUND)}
    assert sorted(word for word, _, _ in table) == sorted(words)
    for word, *cells in table:
        meant = [parse_status(word, direction) for direction in (Direction.OUTBOUND, Direction.INBOUND)]
        assert cells == ["422" if status is None else f"`{status}`" for status in meant], word
