"""The table on the screen, and the files in `results/`."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Findings, Target
from benchmarks.machine import label

RESULTS = Path(__file__).with_name("results")
_COLOURS = {"goal": "green", "least": "yellow", "missed": "red", "invalid": "red", "": ""}
_COLUMNS = ("what", "Waystate", "other side", "ratio", "goal (least)", "reached", "notes")


def show(findings: Findings, console: Console) -> None:
    table = Table(title="Waystate's benchmarks: medians (spread)")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("what", "reached", "notes") else "right", overflow="fold")
    topic = ""
    for figure in findings.figures:
        if figure.topic != topic:
            table.add_section()
            topic = figure.topic
        cells = _cells(figure)
        colour = _COLOURS[figure.mark]
        table.add_row(*cells[:5], f"[{colour}]{cells[5]}[/]" if colour else cells[5], cells[6])
    console.print(table)
    for line in findings.skipped:
        console.print(f"[yellow]Skipped[/] {line}", highlight=False)


def write(findings: Findings, facts: Mapping[str, str], how: str, today: date, topics: Collection[str] = ()) -> list[Path]:
    """The same result as Markdown and as JSON; the paths. `topics`: which alone were measured; the day's whole result stays."""
    RESULTS.mkdir(exist_ok=True)
    stem = "-".join((today.isoformat(), label(), *sorted(topics)))
    markdown, data = RESULTS / f"{stem}.md", RESULTS / f"{stem}.json"
    markdown.write_text(render(findings, facts, how, today))
    document = {"date": today.isoformat(), "how": how, "machine": dict(facts), "skipped": findings.skipped}
    rows = [asdict(each) | {"value": each.value, "ratio": each.ratio, "mark": each.mark} for each in findings.figures]
    data.write_text(json.dumps(document | {"figures": rows}, indent=2) + "\n")
    return [markdown, data]


def render(findings: Findings, facts: Mapping[str, str], how: str, today: date) -> str:
    lines = [f"# Benchmarks of {today.isoformat()}", "", how, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", "| " + " | ".join(_COLUMNS) + " |", "|---|---:|---:|---:|---:|---|---|"]
    lines += ["| " + " | ".join(_cells(figure)) + " |" for figure in findings.figures]
    if findings.skipped:
        lines += ["", "Not measured:", "", *(f"- {line}" for line in findings.skipped)]
    return "\n".join(lines) + "\n"


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    other = _samples(figure.theirs, figure.unit)
    notes = (figure.invalid, *figure.notes) if figure.invalid else figure.notes
    return (
        figure.name,
        _samples(figure.ours, figure.unit),
        f"{other} ({figure.other})" if other and figure.topic not in ("lookups", "track", "status") else other,
        "" if ratio is None else f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.1f} ×",
        _target(figure.target, figure.unit),
        figure.mark,
        "; ".join(notes),
    )


def _samples(samples: tuple[float, ...], unit: str) -> str:
    if not samples:
        return ""
    middle = median(samples)
    spread = f" ({_number(min(samples))}–{_number(max(samples))})" if len(samples) > 1 else ""
    return f"{_number(middle)} {unit}{spread}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    sign = "≤" if target.less_is_better else "≥"
    suffix = " ×" if target.of == "ratio" else f" {unit}"
    least = "" if target.least is None else f" ({target.least:,g})"
    return f"{sign} {target.goal:,g}{suffix}{least}"
