"""What the demo shows: one table in a terminal, plain lines elsewhere. Pure, from two scrapes of each side."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from waystate.web.metrics import Samples, quantiles

WINDOW = 10
"""Seconds that rates and quantiles look back."""

HOPS = (
    ("customer → Waystate, durable and tracked", "webhook_to_tracked"),
    ("Waystate → Genesys, accepted", "tracked_to_genesys"),
    ("agent → Waystate, durable and queued", "genesys_to_tracked"),
    ("Waystate → WhatsApp, accepted", "queued_to_sent"),
    ("… until delivered", "sent_to_delivered"),
    ("… until read", "sent_to_read"),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: float
    metrics: Samples
    simulator: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates per second over the window, totals since the start, hop times in milliseconds."""

    inbound_rate: float
    outbound_rate: float
    hops: dict[str, tuple[float | None, float | None]]
    tracked: int
    answered: int
    read: int
    open_conversations: int
    backlog: int
    failed: int
    unknown: int
    doubled: int
    dead_letters: int

    @property
    def is_clean(self) -> bool:
        return self.failed == self.doubled == self.dead_letters == 0


class RateWindow:
    """The last snapshots; the oldest is what rates are counted from."""

    def __init__(self) -> None:
        self._snapshots: deque[Snapshot] = deque(maxlen=WINDOW + 1)
        self._first: Snapshot | None = None

    def add(self, snapshot: Snapshot) -> Figures:
        self._first = self._first or snapshot
        self._snapshots.append(snapshot)
        return figures_of(self._first, self._snapshots[0], snapshot)


def figures_of(first: Snapshot, before: Snapshot, now: Snapshot) -> Figures:
    seconds = max(now.at - before.at, 0.001)
    simulator = now.simulator
    return Figures(
        inbound_rate=(_messages(now, "inbound") - _messages(before, "inbound")) / seconds,
        outbound_rate=(_messages(now, "outbound") - _messages(before, "outbound")) / seconds,
        hops={hop: _milliseconds(hop, before, now) for _, hop in HOPS},
        tracked=int(_messages(now, "inbound") - _messages(first, "inbound")),
        answered=int(_messages(now, "outbound") - _messages(first, "outbound")),
        read=int(_total(now, "waystate_statuses_total", status="read", applied="true")),
        open_conversations=int(_total(now, "waystate_open_conversations")),
        backlog=int(_total(now, "waystate_ledger_pending") + _total(now, "waystate_deliveries_pending")),
        failed=int(_total(now, "waystate_statuses_total", status="failed", applied="true")),
        unknown=int(_total(now, "waystate_deliveries_total", outcome="unknown")),
        doubled=int(simulator.get("whatsapp", {}).get("doubled", 0)),
        dead_letters=int(_total(now, "waystate_dead_letters_total")),
    )


def render_table(figures: Figures, base_url: str, demo_file: str, elapsed: float) -> Table:
    table = Table(title=f"Waystate demo, {elapsed:.0f} s", caption=f"API docs {base_url}/docs   keys and secrets {demo_file}")
    table.add_column("hop")
    table.add_column("p50", justify="right")
    table.add_column("p95", justify="right")
    for label, hop in HOPS:
        p50, p95 = figures.hops[hop]
        table.add_row(label, _shown(p50), _shown(p95))
    table.add_section()
    rows = (
        ("customer messages a second", f"{figures.inbound_rate:.1f}", f"{figures.tracked} in all"),
        ("agent messages a second", f"{figures.outbound_rate:.1f}", f"{figures.answered} in all"),
        ("read by customers", "", str(figures.read)),
        ("open conversations", "", str(figures.open_conversations)),
        ("waiting to be worked or sent", "", str(figures.backlog)),
        ("failed / sent twice / dead letters", "", f"{figures.failed} / {figures.doubled} / {figures.dead_letters}"),
        ("answers lost, settled by a status", "", str(figures.unknown)),
    )
    for row in rows:
        table.add_row(*row)
    return table


def render_line(figures: Figures, elapsed: float) -> str:
    times = "  ".join(f"{hop} p50 {_shown(p50)} p95 {_shown(p95)}" for hop, (p50, p95) in figures.hops.items())
    return (
        f"{elapsed:6.0f} s  in {figures.inbound_rate:.1f}/s ({figures.tracked})  out {figures.outbound_rate:.1f}/s "
        f"({figures.answered})  read {figures.read}  open {figures.open_conversations}  waiting {figures.backlog}  "
        f"failed {figures.failed}  doubled {figures.doubled}  dead letters {figures.dead_letters}  unknown {figures.unknown}  "
        f"{times}"
    )


def _messages(snapshot: Snapshot, direction: str) -> float:
    return _total(snapshot, "waystate_messages_total", direction=direction)


def _total(snapshot: Snapshot, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (each, has), value in snapshot.metrics.items() if each == name and wanted <= set(has))


def _milliseconds(hop: str, before: Snapshot, now: Snapshot) -> tuple[float | None, float | None]:
    p50, p95 = quantiles(hop, before.metrics, now.metrics, [0.5, 0.95])
    return (None if p50 is None else p50 * 1000, None if p95 is None else p95 * 1000)


def _shown(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.0f} ms"
