"""Prometheus metrics. No label ever carries a tenant, a phone number or an id: all label values come from closed lists."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.responses import Response

from waystate.operations import PROBES_OWN, TEXT, Operation
from waystate.web.problems import Answers

Labels = tuple[tuple[str, str], ...]
"""Sorted by name."""
Samples = Mapping[tuple[str, Labels], float]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HOPS = ("webhook_to_tracked", "tracked_to_genesys", "genesys_to_tracked", "queued_to_sent", "sent_to_delivered", "sent_to_read")
WaitingKind = Literal["messages", "receipts", "lookups"]
WAITING_KINDS: tuple[WaitingKind, ...] = ("messages", "receipts", "lookups")
"""Of what waits for Genesys."""
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_HOP_BUCKET = "waystate_hop_seconds_bucket"


class Metrics:
    """Made once by the composition root and passed on. `answers` is the plain dict that the web layer counts in."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        self.answers: Answers = {}
        self.messages_total = _counter(registry, "messages", "Messages tracked", "direction")
        self.webhooks_total = _counter(registry, "webhooks", "Webhook bodies taken or refused", "source", "outcome")
        self.ledger_rows_total = _counter(registry, "ledger_rows", "Ledger rows that reached a state", "state")
        self.deliveries_total = _counter(registry, "deliveries", "Delivery attempts by their outcome", "target", "outcome")
        self.outcome_unknown_total = _counter(
            registry, "outcome_unknown", "Messages failed because nobody can tell whether they were sent"
        )
        self.missing_deliveries_total = _counter(
            registry,
            "missing_deliveries",
            "Events that needed a delivery and had none: a fault of Waystate",
        )
        self.dead_letters_total = _counter(registry, "dead_letters", "Items that could not be used", "pipeline", "reason")
        self.statuses_total = _counter(registry, "statuses", "Statuses reported, applied or not", "status", "applied")
        self.unknown_statuses_total = _counter(registry, "unknown_statuses", "Statuses with a word nobody knows")
        self.account_events_total = _counter(
            registry, "account_events", "What WhatsApp said of business accounts and numbers as such", "severity"
        )
        self.genesys_checks_total = _counter(
            registry, "genesys_checks", "Conversations that Genesys was asked about, by what it said", "outcome"
        )
        self.genesys_gaps_total = _counter(
            registry, "genesys_gaps", "Agents' messages that Genesys could not hand over, found afterwards"
        )
        self.cache_hits_total = _counter(registry, "cache_hits", "Look-ups answered from the process")
        self.cache_misses_total = _counter(registry, "cache_misses", "Look-ups that asked Redis or the database")
        self.redis_hits_total = _counter(registry, "redis_hits", "Look-ups answered from Redis")
        self.redis_misses_total = _counter(registry, "redis_misses", "Look-ups that Redis was asked for and did not know")
        self.redis_failures_total = _counter(registry, "redis_failures", "Calls to Redis that failed or took too long")
        self.redis_up = _gauge(registry, "redis_up", "1 while Redis is asked, 0 while it is away or not configured")
        self.feed_peers = _gauge(registry, "feed_peers", "Other processes heard of lately")
        self.hop_seconds = Histogram(
            "waystate_hop_seconds", "Time from one station to the next", ["hop"], buckets=_BUCKETS, registry=registry
        )
        self.open_conversations = _gauge(registry, "open_conversations", "Conversations that are open")
        self.open_dead_letters = _gauge(registry, "open_dead_letters", "Dead letters that wait for an operator", "reason")
        self.numbers_held = _gauge(
            registry, "numbers_held", "WhatsApp numbers of which nothing leaves until somebody mends the cause", "kind"
        )
        self.ledger_pending = _gauge(registry, "ledger_pending", "Webhook bodies not yet worked")
        self.deliveries_pending = _gauge(registry, "deliveries_pending", "Deliveries not yet sent")
        self.oldest_undelivered_seconds = _gauge(registry, "oldest_undelivered_seconds", "Age of the oldest unsent delivery")
        self.genesys_waiting = _gauge(registry, "genesys_waiting", "Requests that wait for Genesys", "what")
        self.genesys_oldest_seconds = _gauge(
            registry, "genesys_oldest_seconds", "Age of the oldest request that waits for Genesys", "what"
        )
        self.genesys_done_in_seconds = _gauge(
            registry,
            "genesys_done_in_seconds",
            "When all that waits is through, of the OAuth client that takes longest, with nothing new",
        )
        self.genesys_throttled_total = _counter(
            registry, "genesys_throttled", "Requests that Genesys refused because their OAuth client asked too often"
        )
        self.default_partition_rows = _gauge(
            registry, "default_partition_rows", "Rows in DEFAULT partitions; above zero a partition is missing"
        )
        for hop in HOPS:
            self.hop_seconds.labels(hop)
        for what in WAITING_KINDS:
            self.genesys_waiting.labels(what)
            self.genesys_oldest_seconds.labels(what)
        registry.register(_AnswersCollector(self.answers))
        ProcessCollector(registry=registry)

    def hop(self, name: str, since: datetime, until: datetime) -> None:
        """Counts one passage of a hop of `HOPS`; two machines' clocks may make it negative, which counts as none."""
        self.hop_seconds.labels(name).observe(max(0.0, (until - since).total_seconds()))

    def render(self) -> bytes:
        """The text a Prometheus server scrapes, of type `MEDIA_TYPE`."""
        return generate_latest(self.registry)


class MetricsRoutes:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @Operation(
        "GET",
        "/metrics",
        None,
        tag="Operations",
        summary="Prometheus metrics",
        ignores_query=PROBES_OWN,
        answers={200: TEXT},
        example_answer='waystate_messages_total{direction="inbound"} 1204.0\n',
    )
    async def get_metrics(self) -> Response:
        return Response(self._metrics.render(), media_type=MEDIA_TYPE)


class _AnswersCollector(Collector):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily("waystate_http_requests", "Requests answered", labels=["operation", "status"])
        for (operation, status), count in list(self._answers.items()):
            family.add_metric([operation, str(status)], count)
        yield family


def parse_metrics(text: str) -> dict[tuple[str, Labels], float]:
    """One scrape, by sample name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def quantiles(hop: str, before: Samples, after: Samples, qs: Sequence[float]) -> list[float | None]:
    """Seconds of each quantile (0 < q ≤ 1) of a hop between two scrapes; None where nothing happened.

    Within a bucket values count as evenly spread, as in PromQL's `histogram_quantile`; beyond the last bound it is that bound.
    """
    buckets = [(0.0, 0.0), *_growth(hop, before, after)]
    total = buckets[-1][1]
    return [_quantile(buckets, q * total) if total else None for q in qs]


def _growth(hop: str, before: Samples, after: Samples) -> Iterator[tuple[float, float]]:
    """(upper bound, observations up to it) since `before`. A restart in between starts counting at zero."""
    total = (_HOP_BUCKET, (("hop", hop), ("le", "+Inf")))
    base = before if after.get(total, 0.0) >= before.get(total, 0.0) else {}
    found = [(float(dict(key[1])["le"]), key) for key in after if key[0] == _HOP_BUCKET and ("hop", hop) in key[1]]
    for bound, key in sorted(found):
        yield bound, after[key] - base.get(key, 0.0)


def _quantile(buckets: Sequence[tuple[float, float]], rank: float) -> float:
    for (lower, below), (upper, up_to) in pairwise(buckets):
        if up_to >= rank and up_to > below:
            return lower if upper == float("inf") else lower + (upper - lower) * (rank - below) / (up_to - below)
    return buckets[-1][0]


def _counter(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Counter:
    return Counter(f"waystate_{name}", help_text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Gauge:
    return Gauge(f"waystate_{name}", help_text, labels, registry=registry)
