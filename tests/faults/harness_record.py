"""What a run did and came to, so that it can be run again and read later."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.harness_findings import Findings
from tests.faults.harness_processes import Kill

NOTHING = "Nothing lost, nothing silently doubled, no order inverted, no dead letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What was done to a process (`work 2`, `RabbitMQ`), and its proof: `before` is gone, with `status`; `after` is another.

    What was only emptied or cut off keeps its pid. Times are seconds.
    """

    what: str
    how: str
    at: float
    before: int
    after: int
    status: int | None = None
    away: float = 0.0
    back_in: float = 0.0

    def line(self) -> str:
        parts = [f"{self.at:8.2f} s  {self.what}: {self.how}"]
        parts += [f"pid {_change(self.before, self.after)}"] * bool(self.before)
        parts += [f"status {self.status}"] * (self.status is not None)
        parts += [f"away {self.away:.2f} s"] * bool(self.away)
        return ", ".join([*parts, f"back in {self.back_in:.2f} s"])


@dataclass(slots=True)
class Record:
    """`schedule` is what was meant to happen, drawn from `seed`; `kills` and `figures` are what did."""

    name: str
    seed: int
    schedule: list[Any] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    is_complete: bool = False
    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Since the run began."""
        return round(time.monotonic() - self.started, 2)

    def note(self, findings: Findings) -> None:
        self.problems, self.counts, self.is_complete = findings.problems, findings.counts, True

    def write(self, folder: Path) -> None:
        (folder / "record.json").write_text(json.dumps(asdict(self), indent=1, default=str))


def render(records: list[Record]) -> str:
    """Their sections of the report, in Markdown."""
    return "\n".join(line for record in records for line in _render_one(record)) + "\n"


def _render_one(record: Record) -> list[str]:
    verdict = "; ".join(record.problems) or (NOTHING if record.is_complete else "It did not come to its end")
    figures = {**record.figures, **{name: count for name, count in record.counts.items() if _is_told(name, count)}}
    lines = [f"## {record.name}", "", f"Seed {record.seed}. **{verdict}.**", ""]
    lines += ["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items()), ""]
    if record.kills:
        lines += [
            "| # | killed | at s | progress | parent | worker | PostgreSQL | gone in s | ready in s |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for number, kill in enumerate(record.kills, 1):
            parent = _change(kill.before.parent, kill.after.parent)
            worker = _change(kill.before.worker, kill.after.worker)
            lines.append(
                f"| {number} | {kill.what} | {kill.at:.1f} | {kill.progress} | {parent} | {worker} "
                f"| {_change(*kill.postmaster)} | {kill.died_in:.2f} | {kill.ready_in:.2f} |"
            )
        lines.append("")
    if record.strikes:
        lines += ["```", *(strike.line() for strike in record.strikes), "```", ""]
    return lines


def _change(before: int | None, after: int | None) -> str:
    if before is None and after is None:
        return "not ours"
    return f"{before} kept" if before == after else f"{before} → {after}"


def _is_told(name: str, count: int) -> bool:
    """Checks that found nothing are the verdict; what was counted along the way is a figure."""
    told = ("sends under way when killed", "sends unknown", "repeats at Genesys", "dead letters", "events published again")
    return count > 0 or name in told
