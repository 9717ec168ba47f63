import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.web.metrics import HOPS, Metrics, parse_metrics, quantiles

FORBIDDEN_LABELS = {"tenant", "tenant_id", "wa_id", "phone", "phone_number_id", "contact", "wamid", "path"}


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return parse_metrics(metrics.render().decode())


def test_what_is_counted_can_be_scraped_and_parsed() -> None:
    metrics = Metrics()
    metrics.messages_total.labels("inbound").inc(3)
    metrics.webhooks_total.labels("whatsapp", "taken").inc()
    metrics.statuses_total.labels("read", "yes").inc()
    metrics.dead_letters_total.labels("inbound", "invalid_payload").inc()
    metrics.unknown_statuses_total.inc(2)
    metrics.open_conversations.set(12)
    metrics.answers["GET /state/mapping/{waId}", 200] = 5
    samples = scrape(metrics)
    assert samples["waystate_messages_total", (("direction", "inbound"),)] == 3
    assert samples["waystate_webhooks_total", (("outcome", "taken"), ("source", "whatsapp"))] == 1
    assert samples["waystate_statuses_total", (("applied", "yes"), ("status", "read"))] == 1
    assert samples["waystate_dead_letters_total", (("pipeline", "inbound"), ("reason", "invalid_payload"))] == 1
    assert samples["waystate_unknown_statuses_total", ()] == 2
    assert samples["waystate_open_conversations", ()] == 12
    assert samples["waystate_http_requests_total", (("operation", "GET /state/mapping/{waId}"), ("status", "200"))] == 5


def test_every_gauge_and_hop_is_there_before_anything_happened() -> None:
    samples = scrape(Metrics())
    for name in (
        "open_conversations",
        "ledger_pending",
        "deliveries_pending",
        "oldest_undelivered_seconds",
        "default_partition_rows",
        "cache_hits_total",
        "cache_misses_total",
    ):
        assert samples[f"waystate_{name}", ()] == 0
    for hop in HOPS:
        assert samples["waystate_hop_seconds_count", (("hop", hop),)] == 0
    bounds = [dict(labels)["le"] for name, labels in samples if name.endswith("_bucket") and ("hop", HOPS[0]) in labels]
    assert len(bounds) == 16
    assert {"0.001", "60.0", "+Inf"} <= set(bounds)


def test_no_label_can_name_a_tenant_or_a_person() -> None:
    metrics = Metrics()
    counters = [each for each in vars(metrics).values() if hasattr(each, "_labelnames")]
    assert len(counters) == 31
    assert not FORBIDDEN_LABELS & {label for each in counters for label in each._labelnames}


def test_two_sets_of_metrics_stand_side_by_side() -> None:
    first, second = Metrics(), Metrics()
    first.cache_hits_total.inc()
    assert scrape(second)["waystate_cache_hits_total", ()] == 0


def test_quantiles_come_from_what_happened_between_two_scrapes() -> None:
    metrics = Metrics()
    hop = metrics.hop_seconds.labels("queued_to_sent")
    for _ in range(1000):
        hop.observe(20.0)
    before = scrape(metrics)
    for number in range(100):
        hop.observe(0.03 if number < 90 else 0.15)
    p50, p90, p95 = quantiles("queued_to_sent", before, scrape(metrics), [0.5, 0.9, 0.95])
    assert p50 == pytest.approx(0.02 + 0.03 * 50 / 90)
    assert p90 == pytest.approx(0.05)
    assert p95 == pytest.approx(0.15)


def test_quantiles_of_a_hop_that_did_not_happen_are_none() -> None:
    samples = scrape(Metrics())
    assert quantiles("sent_to_read", samples, samples, [0.5, 0.95]) == [None, None]
    assert quantiles("sent_to_read", {}, {}, [0.5]) == [None]


def test_a_restart_between_the_scrapes_counts_from_zero() -> None:
    old, new = Metrics(), Metrics()
    for _ in range(10):
        old.hop_seconds.labels("sent_to_read").observe(50)
    new.hop_seconds.labels("sent_to_read").observe(0.0015)
    assert quantiles("sent_to_read", scrape(old), scrape(new), [1.0]) == [pytest.approx(0.002)]


def test_beyond_the_last_bound_the_quantile_is_that_bound() -> None:
    metrics = Metrics()
    metrics.hop_seconds.labels("sent_to_read").observe(3600)
    assert quantiles("sent_to_read", {}, scrape(metrics), [0.5]) == [60.0]


@given(st.lists(st.floats(0.0001, 59), min_size=1, max_size=50))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float]) -> None:
    metrics = Metrics()
    for value in values:
        metrics.hop_seconds.labels("sent_to_read").observe(value)
    p50, p100 = quantiles("sent_to_read", {}, scrape(metrics), [0.5, 1.0])
    assert p50 is not None
    assert p100 is not None
    assert p50 <= p100
    assert max(values) <= p100
    assert p100 <= max(max(values) * 3, 0.001)
