"""What a customer on WhatsApp gets of every published payload of Genesys: one table, reviewed by eye.

`python -m tests.unit.channels.test_genesys_readings --read FOLDER` prints it for that; without `--read` it writes the file,
which has digests in place of what is shown, for the payloads are no part of the project.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.genesys_sides import outbound, read, whatsapp_bodies
from tests.unit.channels import test_corpus_readings
from tests.unit.channels.conftest import Corpus
from tests.unit.channels.test_corpus_readings import masked
from waystate.channels.checks import judge_integration
from waystate.channels.model import Ignored, Unusable
from waystate.documents import JsonObject, dump, parse
from waystate.messages.model import AgentTyping, GenesysReceipt, OutboundMessage
from waystate.simulator.genesys_bodies import EventBody, MessageBody, ReceiptBody, StructuredBody
from waystate.tenants.model import GenesysIntegration

TABLE = Path(__file__).parent / "genesys_readings.md"
FRAMELESS = "genesys/content_only/"
"""Messages without their frame: they are given one."""


def readings(corpus: Corpus) -> Iterator[str]:
    yield "| payload | is | the customer reads | WhatsApp gets |"
    yield "|---|---|---|---|"
    for name, body in corpus.files("genesys"):
        document = parse(body)
        if name.startswith(FRAMELESS):
            document = outbound(**document)
        cells = reading(document) if "/integration/" not in name else reading_of_integration(document)
        yield f"| {name.removeprefix('genesys/').removesuffix('.json')} | {' | '.join(cells)} |"


def reading(document: JsonObject) -> list[str]:
    integration = str((document.get("channel") or {}).get("id") or "73cb7fb7-c2db-4996-88f3-0a83a4fea1da")
    match read(document, integration):
        case OutboundMessage(unshowable=str(why)) as message:
            return [f"refused, {message.type}", masked(why), ""]
        case OutboundMessage() as message:
            sends = [f"{each['type']} {masked(shown(each))}" for each in whatsapp_bodies(message)]
            return [message.type, masked(message.text or ""), "; ".join(sends)]
        case GenesysReceipt(error=error):
            return ["receipt of a failure", masked(dump(error)), ""]
        case AgentTyping():
            return ["typing", "", "a read mark with a typing indicator"]
        case Ignored(what=what, why=why):
            return [f"nothing, {what}", masked(why), ""]
        case Unusable(why=why):
            return ["unusable", masked(why), ""]
        case value:
            raise AssertionError(f"say here what a {type(value).__name__} is")


def reading_of_integration(document: JsonObject) -> list[str]:
    """What `waystate tenant check` finds of it."""
    ours = GenesysIntegration(
        integration_id=document["id"], region="mypurecloud.de", client_id="c", client_secret="s", webhook_secret="w" * 20
    )
    found = judge_integration(ours, document)
    words = [masked(" ".join(filter(None, (each.detail, each.advice)))) for each in found]
    return ["integration", " ".join(words), ", ".join(f"{each.what}: {each.verdict}" for each in found)]


def shown(body: JsonObject) -> str:
    """What WhatsApp shows of a send: the object under its type."""
    content: Any = body[body["type"]]
    return dump(content)


def test_every_published_payload_is_shown_as_it_was_reviewed(corpus: Corpus) -> None:
    rows = list(readings(corpus))
    assert len(rows) > 20
    assert TABLE.read_text() == "\n".join(rows) + "\n"


BODIES = {
    "genesys/inbound_text": MessageBody,
    "genesys/inbound_attachment": MessageBody,
    "genesys/inbound_event": EventBody,
    "genesys/inbound_structured_response": StructuredBody,
    "genesys/receipt": ReceiptBody,
}


def test_the_simulated_genesys_takes_what_others_send_it(corpus: Corpus) -> None:
    """Its models are as strict as Genesys' and no stricter, as far as published payloads show."""
    for kind, shape in BODIES.items():
        for name, document in corpus.documents(kind):
            assert shape.model_validate(document), name


if __name__ == "__main__":
    test_corpus_readings.READS = "--read" in sys.argv
    lines = "\n".join(readings(Corpus(Path(os.environ.get("WAYSTATE_CORPUS", sys.argv[-1])))))
    if test_corpus_readings.READS:
        print(lines)
    else:
        TABLE.write_text(lines + "\n")
