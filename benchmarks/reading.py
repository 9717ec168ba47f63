"""How many webhook bodies one process reads: the published payloads, parsed, and rendered for Genesys and for the API."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, Findings, Target
from benchmarks.options import Options
from benchmarks.rig import Rig
from waystate.channels.whatsapp.incoming import structure_of
from waystate.channels.whatsapp.lines import Surroundings, agents_text, attributes_of, preview_of
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.messages.model import InboundMessage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOAL = 20_000
"""Payloads a second."""


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    """By processor time, so that whatever else the machine does counts little; without a database."""
    if not options.wants("reading"):
        return
    folder = Path(os.environ.get("WAYSTATE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus")) / "whatsapp"
    bodies = [path.read_bytes() for path in sorted(folder.rglob("*.json")) if "/api_" not in str(path)]
    if not bodies:
        findings.skipped.append("reading: there is no corpus; WAYSTATE_CORPUS names its folder")
        return
    ways: list[tuple[str, Callable[[bytes], None], Target | None]] = [
        ("parsed, with the agent's line", _parse, None),
        ("parsed and rendered for Genesys", _render, Target(GOAL, of="value")),
        ("parsed and rendered for Genesys, lists and the API", _render_all, None),
    ]
    for name, read, target in ways:
        ours = tuple(_rate(read, bodies, options.seconds) for _ in range(options.rounds))
        findings.add(Figure(topic="reading", name=f"{len(bodies)} payloads {name}", unit="/s", ours=ours, target=target))


def _rate(read: Callable[[bytes], None], bodies: Sequence[bytes], seconds: float) -> float:
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        for body in bodies:
            read(body)
        done += len(bodies)
    return done / (time.process_time() - began)


def _parse(body: bytes) -> None:
    parse_webhook(body, NOW, "o")


def _render(body: bytes) -> None:
    for item in parse_webhook(body, NOW, "o").items:
        if isinstance(item.value, InboundMessage):
            _for_genesys(item.value)


def _render_all(body: bytes) -> None:
    for item in parse_webhook(body, NOW, "o").items:
        if isinstance(item.value, InboundMessage):
            message = item.value
            _for_genesys(message)
            preview_of(message.type, message.text, message.content, message.media)
            structure_of(message.type, message.text, message.content, message.media).model_dump_json(by_alias=True)


def _for_genesys(message: InboundMessage) -> None:
    around = Surroundings(message.metadata)
    agents_text(message.type, message.text, message.content, message.media, around)
    attributes_of(message.type, message.content, message.media, around)
