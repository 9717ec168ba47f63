"""Marks of bold, italic and struck text: Markdown's as WhatsApp's, and back. Pure.

Only what is certain is changed: marks around whole words, on one line. All else stays as it was written, character for
character, as does all code. https://spec.commonmark.org/0.31.2/ and https://faq.whatsapp.com/539178204879377
"""

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, backtick, emphasis, strikethrough
from markdown_it.token import Token

_RULES = ["text", "escape", "backticks", "strikethrough", "emphasis", "link", "balance_pairs"]
_BLOCK = "```"
_WRITTEN = {"strong": "*", "em": "_", "s": "~"}
_MARKED = re.compile(r"[*_~\[]")
_ADDRESS = re.compile(r"https?://[^\s\]]*?(?=[*_~)>\"'.,;:!?]*(?:[\s\]]|$))")
_PLACE = re.compile("\ue000([0-9]+)\ue001")
"""Stands for an address while marks are looked for; both characters are of nobody's alphabet."""
_FROM_WHATSAPP = {"*": "**", "_": "*", "~": "~~"}
_WHATSAPP = re.compile(r"`[^`\n]+`|(?<![\w*_~])([*_~])(?=[^\s*_~])([^*_~\n]*[^\s*_~])\1(?![\w*_~])")


def from_markdown(text: str) -> str:
    """The text with Markdown's marks as WhatsApp shows them: `**bold**` is `*bold*`, `[name](address)` is `name (address)`."""
    return _outside_blocks(text, _line_from_markdown)


def to_markdown(text: str) -> str:
    """A customer's text with WhatsApp's marks as Markdown's: `*bold*` is `**bold**`. Marks within marks stay as they are."""
    return _outside_blocks(text, lambda line: _WHATSAPP.sub(_as_markdown, line) if "://" not in line else line)


def _as_markdown(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    mark = _FROM_WHATSAPP[found[1]]
    return f"{mark}{found[2]}{mark}"


def _outside_blocks(text: str, change: Callable[[str], str]) -> str:
    if _MARKED.search(text) is None:
        return text
    parts = text.split(_BLOCK)
    # A block that nobody closed is none.
    last = len(parts) - 1
    for place, part in enumerate(parts):
        if place % 2 == 0 or place == last:
            parts[place] = "\n".join(change(line) for line in part.split("\n"))
    return _BLOCK.join(parts)


def _line_from_markdown(line: str) -> str:
    if _MARKED.search(line) is None or "\ue000" in line:
        return line
    places: dict[str, int] = {}
    tokens: list[Token] = []
    bare = _ADDRESS.sub(lambda found: f"\ue000{places.setdefault(found[0], len(places))}\ue001", line)
    _MARKDOWN.inline.parse(bare, _MARKDOWN, {}, tokens)
    if not any(token.nesting for token in tokens):
        return line
    addresses = list(places)
    return _PLACE.sub(lambda found: addresses[int(found[1])], _written(tokens))


def _written(tokens: Sequence[Token]) -> str:
    written: list[str] = []
    links: list[tuple[int, str]] = []
    for token in tokens:
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if token.type == "link_open":
            address, title = str(token.attrs.get("href", "")), str(token.attrs.get("title", ""))
            links.append((len(written), f'{address} "{title}"' if title else address))
        elif token.type == "link_close":
            start, address = links.pop()
            name = "".join(written[start:])
            written[start:] = [name if name == address else f"{name} ({address})" if name else address]
        elif kind in _WRITTEN and token.nesting:
            written.append(_WRITTEN[kind])
        else:
            written.append(token.markup if token.type == "text_special" else token.content)
    return "".join(written)


def _whole_words(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Marks within words are none: 2*3*4 is a product, and WhatsApp would not show them either.

    Underscores stay: one means the same to both, and two stand in names such as __init__.
    """

    def scan(state: StateInline, silent: bool) -> bool:
        start, known = state.pos, len(state.delimiters)
        if state.src[start] == "_" or not rule(state, silent):
            return False
        before, after = state.src[start - 1 : start], state.src[state.pos : state.pos + 1]
        for delimiter in state.delimiters[known:]:
            delimiter.open = delimiter.open and not before.isalnum()
            delimiter.close = delimiter.close and not after.isalnum()
        return True

    return scan


def _verbatim(state: StateInline, silent: bool) -> bool:
    """Code keeps its marks and blanks."""
    start, known = state.pos, len(state.tokens)
    if not backtick(state, silent):
        return False
    if len(state.tokens) > known and state.tokens[-1].type == "code_inline":
        state.tokens[-1].content = state.src[start : state.pos]
    return True


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("zero").enable(_RULES)
    parser.inline.ruler.at("backticks", _verbatim)
    parser.inline.ruler.at("emphasis", _whole_words(emphasis.tokenize))
    parser.inline.ruler.at("strikethrough", _whole_words(strikethrough.tokenize))
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_MARKDOWN = _markdown()
