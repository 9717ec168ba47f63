"""The budget of an OAuth client, by a clock of the test's own."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.clients import ClientPaces
from waystate.deliveries.model import Target
from waystate.deliveries.plan import receipts_way, way_of
from waystate.deliveries.rate import Pace, TokenBucket
from waystate.ids import TenantId, new_id
from waystate.tenants.model import GenesysIntegration, GenesysLimits, WhatsAppAccount

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
MINUTE = timedelta(minutes=1)


def integration(name: str, client: str = "client-1", limit: int = 300, region: str = "mypurecloud.de") -> GenesysIntegration:
    return GenesysIntegration(
        integration_id=name,
        region=region,
        client_id=client,
        client_secret="secret",
        webhook_secret="a-secret-of-16-chars",
        limits=GenesysLimits(requests_per_minute=limit),
    )


def paces(tenant: TenantId, *integrations: GenesysIntegration, known: ClientPaces | None = None) -> dict[str, Pace]:
    found = (known or ClientPaces()).look_at(tenant, integrations, NOW)
    return {each: pace for each, (_, pace) in found.items()}


@given(
    limit=st.integers(1, 2000),
    pauses=st.lists(st.integers(1, 30_000), min_size=1, max_size=200),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
@example(limit=300, pauses=[200] * 400, shares=[1.0])
@example(limit=1, pauses=[60_000, 59_999, 1, 60_000], shares=[1.0])
def test_no_minute_has_more_requests_than_the_limit(limit: int, pauses: list[int], shares: list[float]) -> None:
    bucket = TokenBucket.of_minute(limit, NOW)
    left: list[tuple[datetime, int]] = []
    for number, passed in enumerate(accumulate(pauses)):
        now = NOW + timedelta(milliseconds=passed)
        count = round(bucket.whole(now) * shares[number % len(shares)]) if bucket.has_any(now) else 0
        bucket.take(now, count)
        left.append((now, count))
    for begin, _ in left:
        assert sum(count for at, count in left if begin <= at < begin + MINUTE) <= limit


@given(limit=st.integers(1, 5000))
def test_and_of_a_long_time_the_limit_is_used(limit: int) -> None:
    bucket, now, left = TokenBucket.of_minute(limit, NOW), NOW, 0
    while now < NOW + 2 * MINUTE:
        left += (whole := bucket.whole(now))
        bucket.take(now, whole)
        now += timedelta(seconds=max(0.05, bucket.wait(now)))
    assert left >= 2 * limit * 0.97 - 2


def test_a_process_that_just_began_sends_one_and_then_by_the_rate() -> None:
    """Whoever had the client before may have used up what could be saved."""
    pace = paces(ACME, integration("a"))["a"]
    assert pace.room(0, NOW) == 1
    assert pace.room(0, NOW + timedelta(seconds=2)) == 5, "a second's worth is saved up"


def test_integrations_of_a_client_share_its_budget_and_others_have_their_own() -> None:
    found = paces(ACME, integration("a"), integration("b"), integration("c", "client-2"))
    assert found["a"] is found["b"]
    assert found["c"] is not found["a"]
    assert paces(ACME, integration("a"), integration("d", region="mypurecloud.ie"))["d"] is not found["a"]


def test_tenants_of_a_client_share_its_budget_and_the_least_limit_counts() -> None:
    known = ClientPaces()
    ours = paces(ACME, integration("a", limit=6000), known=known)["a"]
    rate = ours.bucket.per_second
    theirs = paces(GLOBEX, integration("b", limit=60), known=known)["b"]
    assert theirs is ours
    assert ours.bucket.per_second < 1.01
    assert paces(GLOBEX, known=known) == {}
    assert paces(ACME, integration("a", limit=6000), known=known)["a"].bucket.per_second == rate, "they use it no more"


def test_what_genesys_says_to_one_integration_holds_for_all_of_the_client() -> None:
    found = paces(ACME, integration("a"), integration("b"))
    error = {"code": "too.many.requests", "kind": "throttle"}
    found["a"].heard(AttemptResult(outcome=Outcome.RETRY, http_status=429, error=error, retry_after=40.0), NOW)
    assert found["b"].room(0, NOW + timedelta(seconds=39)) == 0
    assert found["b"].room(0, NOW + timedelta(seconds=41)) > 0


def test_everything_of_a_client_lies_in_one_lane() -> None:
    """So that one process has its whole budget: the lane's key is the client's id, whatever the target and the number."""
    keys = set()
    for name in ("a", "b"):
        account = WhatsAppAccount(
            phone_number_id=f"number-{name}",
            display_phone_number="+49 30 1234",
            business_account_id="waba",
            meta_app_id="app",
            access_token="token",
        )
        for target in Target:
            if target not in (Target.WHATSAPP, Target.WHATSAPP_MARK):
                keys.add(way_of(target, account, integration(name), new_id(), new_id()).lane_key)
        keys.add(receipts_way(integration(name), new_id()).lane_key)
    assert keys == {"client-1"}
