"""The texts of ready answers: Liquid, of which only what fills in words is taken. Pure.

Without loops, captures and filters that add texts together, what a text costs is bounded by its length; nothing is included, so
nothing is read. https://shopify.github.io/liquid/
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from liquid import BoundTemplate, Environment, Undefined
from liquid.exceptions import LiquidError

from waystate.documents import JsonObject
from waystate.errors import Unprocessable
from waystate.replies.model import LONGEST_TEXT

VARIABLES: Mapping[str, frozenset[str]] = {
    "customer": frozenset(
        {
            *("name", "first_name", "email", "phone_number", "username", "language", "tags"),
            *("metadata", "preferences"),
        }
    ),
    "agent": frozenset({"name", "first_name"}),
    "conversation": frozenset({"subject", "number"}),
    "queue": frozenset({"name"}),
    "business": frozenset({"name"}),
}
"""What a text may name; whatever fields `customer.metadata` and `customer.preferences` have can be named too."""
DOCUMENTS = frozenset({"metadata", "preferences"})
MOST_PLACES = 200
"""The library looks for the end of each place through the whole text."""
_INTERNAL = frozenset({"content", "output", "illegal"})
TAGS = frozenset({"if", "unless", "case", "assign", "comment", "#"})
FILTERS = frozenset(
    {"capitalize", "default", "downcase", "first", "last", "size", "strip", "truncate", "truncatewords", "upcase"}
)


class TextProblem(NamedTuple):
    """`line` counts from 1."""

    line: int
    sentence: str


class Filled(NamedTuple):
    """`missing`: variables that stand in the text and have no value; nothing stands in their place."""

    text: str
    missing: list[str]


class _LimitedEnvironment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = 1
    local_namespace_limit = 65_536
    output_stream_limit = 4 * LONGEST_TEXT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: each for name, each in self.tags.items() if name in TAGS | _INTERNAL}
        self.filters = {name: each for name, each in self.filters.items() if name in FILTERS}


class _Missing(Undefined):
    """A variable without a value, which is told when its place is to be filled."""

    __slots__ = ("told",)

    def __init__(self, name: str, told: dict[str, None]) -> None:
        super().__init__(name)
        self.told = told

    def __str__(self) -> str:
        self.told[self.name] = None
        return ""

    def __getitem__(self, key: str) -> "_Missing":
        return _Missing(f"{self.name}.{key}", self.told)


class _Known(dict[str, Any]):
    """What is known under `name`; what is not is missing, and what is a document itself is of the same kind."""

    def __init__(self, name: str, values: JsonObject, told: dict[str, None]) -> None:
        super().__init__(values)
        self._name = name
        self._told = told

    def __getitem__(self, key: str) -> Any:
        value = super().get(key)
        name = f"{self._name}.{key}"
        if value in (None, ""):
            return _Missing(name, self._told)
        return _Known(name, value, self._told) if isinstance(value, dict) else value


_ENVIRONMENT = _LimitedEnvironment()


def find_problems(text: str) -> list[TextProblem]:
    """What is wrong with a text: its Liquid, or variables that there are not."""
    if text.count("{{") + text.count("{%") > MOST_PLACES:
        return [TextProblem(1, f"more than {MOST_PLACES} places begin in it")]
    try:
        template = _parse(text)
    except LiquidError as error:
        return [_problem_of(error, text)]
    except RecursionError:
        return [TextProblem(1, "it is nested too deeply")]
    analysis = template.analyze(include_partials=False)
    found = [
        TextProblem(_line(text, span.index), f"there is no filter `{name}`; take one of {_listed(FILTERS)}")
        for name, spans in analysis.filters.items()
        for span in spans
        if name not in FILTERS
    ]
    found += [
        TextProblem(_line(text, each.span.index), sentence)
        for variables in analysis.globals.values()
        for each in variables
        if (sentence := _unknown(each.segments))
    ]
    return sorted(found)


def fill(text: str, values: Mapping[str, JsonObject]) -> Filled:
    """A text without problems; `values` by the names of `VARIABLES`, None and "" are none. Raises Unprocessable."""
    told: dict[str, None] = {}
    known = {name: _Known(name, dict(values.get(name, {})), told) for name in VARIABLES}
    try:
        filled = _parse(text).render(**known)
    except LiquidError as error:
        raise unusable([_problem_of(error, text)]) from error
    # The library's arithmetic on what a customer's documents may hold raises as Python does.
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise unusable([TextProblem(1, "it cannot be filled in for this customer")]) from error
    if len(filled) > LONGEST_TEXT:
        much = f"Filled in it has {len(filled)} characters, and a message has at most {LONGEST_TEXT}."
        raise Unprocessable("reply_too_long", f"{much} Shorten it, or use `truncate`.")
    return Filled(filled, list(told))


def unusable(problems: Sequence[TextProblem]) -> Unprocessable:
    sentences = [f"Line {each.line}: {each.sentence}." for each in problems]
    errors = [{"field": "text", "line": each.line, "problem": each.sentence} for each in problems[:20]]
    return Unprocessable("reply_unusable", " ".join(sentences[:3]), line=problems[0].line, errors=errors)


def _parse(text: str) -> BoundTemplate:
    return _ENVIRONMENT.from_string(text)


def _problem_of(error: LiquidError, text: str) -> TextProblem:
    """Of what ends too early the library names no place: that is the end."""
    place = error.context()
    line = place[0] if place is not None else text.count("\n") + 1
    sentence = str(error.message or "it is not usable as Liquid").replace("\n", " ").rstrip(".")
    return TextProblem(line, sentence)


def _unknown(segments: Sequence[Any]) -> str | None:
    """A sentence for a variable that there is not."""
    root, *rest = segments
    known = VARIABLES.get(root) if isinstance(root, str) else None
    if known is None:
        return f"there is no variable `{_named(segments)}`; they begin with {_listed(VARIABLES)}"
    if not rest or rest[0] not in known:
        return f"there is no variable `{_named(segments)}`; `{root}` has {_listed(known)}"
    if rest[0] in DOCUMENTS and len(rest) == 1:
        return f"`{_named(segments)}` is a whole document; name one of its fields"
    return None


def _named(segments: Sequence[Any]) -> str:
    return ".".join(str(each) for each in segments)


def _listed(names: Iterator[str] | Mapping[str, Any] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, max(index, 0)) + 1
