"""What an agent reads, and a list shows, of every published payload: one table, reviewed by eye.

`python -m tests.unit.channels.test_corpus_readings --read FOLDER` prints it for that; without `--read` it writes the file,
which has digests in place of what is shown, for the payloads are no part of the project.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.channels.conftest import Corpus
from waystate.channels.model import AccountReport, Ignored, TemplateReport, Unusable
from waystate.channels.whatsapp.incoming import structure_of
from waystate.channels.whatsapp.lines import Surroundings, agents_text, preview_of
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.documents import Unreadable
from waystate.messages.model import (
    AddressBookEntry,
    CallReport,
    Direction,
    EchoedMessage,
    InboundMessage,
    PastMessage,
    StatusReport,
)
from waystate.messages.status import parse_status
from waystate.preferences.model import PreferenceReport

WORDS = {
    AddressBookEntry: "a name of the phone's address book",
    CallReport: "call",
    PreferenceReport: "preference",
    TemplateReport: "template",
}
TABLE = Path(__file__).parent / "corpus_readings.md"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
READS = False


def readings(corpus: Corpus) -> Iterator[str]:
    yield "| payload | item | is | Genesys reads | a list shows | the API |"
    yield "|---|---|---|---|---|---|"
    for name, body in corpus.files("whatsapp"):
        if "/api_" in name:
            continue
        try:
            items = parse_webhook(body, NOW).items
        except Unreadable as error:
            yield f"| {name} | | unreadable: {masked(str(error))} | | | |"
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
        case EchoedMessage() | PastMessage():
            said = value.type, value.text, value.content, value.media
            word = "echo" if isinstance(value, EchoedMessage) else f"past, {value.direction}"
            return [f"{word}: {value.type}", "", masked(preview_of(*said)), structure_of(*said).type]
        case AccountReport():
            return [f"timeline, {value.severity}", masked(value.sentence), "", ""]
        case AddressBookEntry() | CallReport() | PreferenceReport() | TemplateReport():
            return [WORDS[type(value)], "", "", ""]
        case Ignored() | Unusable():
            what = value.what if isinstance(value, Ignored) else "unusable"
            return [f"{what}: {masked(value.why)}", "", "", ""]
    raise AssertionError(value)


def masked(text: str) -> str:
    """As the table keeps it: whether published words are shown as they were when somebody read them, and not the words."""
    return text if READS else hashlib.sha256(text.encode()).hexdigest()[:12]


def test_every_published_payload_is_shown_as_it_was_reviewed(corpus: Corpus) -> None:
    shown = list(readings(corpus))
    assert len(shown) > 180
    assert TABLE.read_text() == "\n".join(shown) + "\n"


if __name__ == "__main__":
    READS = "--read" in sys.argv
    lines = "\n".join(readings(Corpus(Path(os.environ.get("WAYSTATE_CORPUS", sys.argv[-1])))))
    if READS:
        print(lines)
    else:
        TABLE.write_text(lines + "\n")
