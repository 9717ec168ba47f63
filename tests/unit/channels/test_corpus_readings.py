"""What an agent reads, and a list shows, of every published payload: one table, reviewed by eye.

`python -m tests.unit.channels.test_corpus_readings FOLDER` writes it. The payloads are no part of the project, so digits are
masked and long lines are cut.
"""

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.channels.conftest import Corpus
from waystate.channels.model import Ignored, TemplateReport, Unusable
from waystate.channels.whatsapp.incoming import structure_of
from waystate.channels.whatsapp.lines import Surroundings, agents_text, preview_of
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.documents import Unreadable, shorten
from waystate.messages.model import Direction, InboundMessage, StatusReport
from waystate.messages.status import parse_status

TABLE = Path(__file__).parent / "corpus_readings.md"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_MOST = 90


def readings(corpus: Corpus) -> Iterator[str]:
    yield "| payload | item | is | Genesys reads | a list shows | the API |"
    yield "|---|---|---|---|---|---|"
    for name, body in corpus.files("whatsapp"):
        if "/api_" in name:
            continue
        try:
            items = parse_webhook(body, NOW).items
        except Unreadable as error:
            yield f"| {name} | | unreadable: {error} | | | |"
            continue
        for item in items:
            payload = name.removeprefix("whatsapp/").removesuffix(".json")
            yield f"| {payload} | {item.item} | {' | '.join(reading(item.value))} |"


def reading(value: object) -> list[str]:
    match value:
        case InboundMessage():
            said = value.type, value.text, value.content, value.media
            line = agents_text(*said, Surroundings(value.metadata))
            return [value.type, masked(line), masked(preview_of(*said)), structure_of(*said).type]
        case StatusReport():
            means = parse_status(value.status, Direction.OUTBOUND)
            told = {**(value.details or {}), **({"error": value.error} if value.error else {})}
            return [f"status {value.status}", f"means {means}", f"with {', '.join(sorted(told)) or 'nothing'}", ""]
        case TemplateReport():
            return ["template", "", "", ""]
        case Ignored() | Unusable():
            what = value.what if isinstance(value, Ignored) else "unusable"
            return [f"{what}: {masked(value.why)}", "", "", ""]
    raise AssertionError(value)


def masked(text: str) -> str:
    cut = shorten(re.sub(r"\d", "0", text.replace("\n", " ⏎ ").replace("|", "\\|")), _MOST)
    return re.sub(r"[\w.]+@[\w.]+", "a@example.org", cut)


def test_every_published_payload_is_shown_as_it_was_reviewed(corpus: Corpus) -> None:
    shown = list(readings(corpus))
    assert len(shown) > 180
    assert TABLE.read_text() == "\n".join(shown) + "\n"


if __name__ == "__main__":
    TABLE.write_text("\n".join(readings(Corpus(Path(os.environ.get("WAYSTATE_CORPUS", sys.argv[-1]))))) + "\n")
