"""What the rooms tell the metrics page: counts, and how long each hop of a message took."""

from collections.abc import Sequence
from datetime import datetime

from waystate.channels.model import AttemptResult, Outcome
from waystate.clock import Clock
from waystate.dead_letters.model import DeadLetter, Verdict
from waystate.deliveries.model import Claimed, Target
from waystate.events.model import InboundEnriched, MessageStatus, OutboundProcessed, OutboundRefused
from waystate.ids import time_of
from waystate.ledger.model import Settled
from waystate.messages.advance import Advanced
from waystate.messages.model import Status
from waystate.messages.status import parse_status
from waystate.web.metrics import Metrics

_TRACKED = {
    InboundEnriched: ("inbound", "webhook_to_tracked"),
    OutboundProcessed: ("outbound", "genesys_to_tracked"),
    OutboundRefused: ("outbound", "genesys_to_tracked"),
}
"""A message's direction and the hop that ends with its event."""


class Meter:
    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def ledger(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            self._metrics.ledger_rows_total.labels(each.state).inc()

    def tracked(self, verdicts: Sequence[Verdict], taken_at: Sequence[datetime]) -> None:
        """`taken_at` is when each item came in."""
        now = self._clock()
        for verdict, since in zip(verdicts, taken_at, strict=True):
            for event in verdict.events:
                if (hop := _TRACKED.get(type(event))) is not None:
                    self._metrics.messages_total.labels(hop[0]).inc()
                    self._hop(hop[1], since, now)

    def attempts(self, results: Sequence[tuple[Claimed, AttemptResult, datetime]]) -> None:
        for claimed, result, ended_at in results:
            self._metrics.deliveries_total.labels(claimed.target, result.outcome).inc()
            if result.outcome is Outcome.SENT and claimed.target is Target.GENESYS:
                self._hop("tracked_to_genesys", claimed.created_at, ended_at)
            elif result.outcome is Outcome.SENT and claimed.target is Target.WHATSAPP:
                self._hop("queued_to_sent", claimed.created_at, ended_at)

    def advanced(self, advanced: Advanced) -> None:
        now = self._clock()
        for steps in advanced.merged.values():
            for step in steps:
                known = parse_status(step.report.status, step.state.direction)
                if known is None:
                    self._metrics.unknown_statuses_total.inc()
                else:
                    self._metrics.statuses_total.labels(known, str(step.why_not is None).lower()).inc()
        for event in advanced.events:
            if isinstance(event, MessageStatus) and event.direction == "outbound" and event.message_id is not None:
                if event.status == Status.DELIVERED:
                    self._hop("sent_to_delivered", time_of(event.message_id), now)
                elif event.status == Status.READ:
                    self._hop("sent_to_read", time_of(event.message_id), now)

    def dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self._metrics.dead_letters_total.labels(letter.pipeline, letter.reason).inc()

    def _hop(self, name: str, since: datetime, until: datetime) -> None:
        self._metrics.hop_seconds.labels(name).observe(max(0.0, (until - since).total_seconds()))
