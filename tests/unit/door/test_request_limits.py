"""How often somebody may call, and what a flood of bad credentials costs."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from waystate.cache.limits import SIZE, Limits, Permit
from waystate.door.limits import Rates, RequestLimits, counted, quota_of
from waystate.errors import TooMany, Unauthorized, Unavailable
from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.web.facts import Facts, address_of

PACKAGE = Path(__file__).parents[3] / "waystate"
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
CALL = Facts("/state/mapping/1", client_host="10.0.0.1")


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Tenants:
    """What the directory knows, with quotas as they come to stand in a tenant."""

    def __init__(self, quotas: Any) -> None:
        self.view = SimpleNamespace(tenant=SimpleNamespace(quotas=quotas))

    def find_cached_tenant(self, tenant: TenantId) -> Any:
        return self.view if tenant == ACME else SimpleNamespace(tenant=SimpleNamespace())


def limits_of(quotas: Any = None, **rates: float) -> RequestLimits:
    directory: Any = Tenants(quotas)
    return RequestLimits(Rates(**rates), Limits(monotonic=Seconds()), directory)


def passed(limits: RequestLimits, principal: Principal, facts: Facts = CALL, *, times: int = 10) -> tuple[int, str | None]:
    """How many came through, and the code of what stopped the next."""
    for number in range(times):
        try:
            assert limits.take_here(principal, facts)
        except TooMany as refused:
            return number, refused.code if refused.retry_after else "no Retry-After"
    return times, None


def a_key(tenant: TenantId = ACME) -> Principal:
    return Principal(tenant, "key", uuid4())


def a_session(user: Any, tenant: TenantId = ACME) -> Principal:
    return Principal(tenant, "session", uuid4(), user_id=user)


def test_without_any_limit_nothing_is_counted() -> None:
    limits = limits_of()
    assert passed(limits, a_key(), times=1000) == (1000, None)
    assert limits._limits._full_at == {}


def test_one_credential_does_not_use_up_anothers_rate() -> None:
    limits, one = limits_of(credential=3), a_key()
    assert passed(limits, one) == (3, "credential_rate_limit")
    assert passed(limits, a_key()) == (3, "credential_rate_limit")


def test_a_persons_sessions_share_their_rate() -> None:
    limits, person = limits_of(user=3), uuid4()
    assert passed(limits, a_session(person), times=2) == (2, None)
    assert passed(limits, a_session(person)) == (1, "user_rate_limit")
    assert passed(limits, a_session(uuid4())) == (3, "user_rate_limit")
    assert passed(limits, a_key()) == (10, None)


def test_an_address_has_one_rate_for_all_that_call_from_there() -> None:
    limits = limits_of(address=3)
    assert passed(limits, a_key(), times=2) == (2, None)
    assert passed(limits, a_key(GLOBEX)) == (1, "address_rate_limit")
    assert passed(limits, a_key(), CALL._replace(client_host="10.0.0.2")) == (3, "address_rate_limit")


def test_a_tenants_own_quota_goes_before_the_default() -> None:
    limits = limits_of({"api_calls_per_second": 5}, tenant=3)
    assert passed(limits, a_key(ACME)) == (5, "tenant_rate_limit")
    assert passed(limits, a_key(GLOBEX)) == (3, "tenant_rate_limit")


def test_a_changed_quota_counts_with_the_next_view() -> None:
    limits = limits_of({"api_calls_per_second": 5})
    directory: Any = limits._directory
    assert passed(limits, a_key(), times=5) == (5, None)
    directory.view = SimpleNamespace(tenant=SimpleNamespace(quotas=SimpleNamespace(api_calls_per_second=None)))
    assert passed(limits, a_key()) == (10, None)


def test_messages_over_http_have_a_quota_of_their_own() -> None:
    limits, track = limits_of({"messages_per_second": 2}), Facts("/state/message", "POST")
    assert passed(limits, a_key(), track) == (2, "tenant_message_limit")
    assert passed(limits, a_key(), CALL) == (10, None)
    assert passed(limits, a_key(), track._replace(path="/state/message/1", method="PATCH")) == (10, None)


@pytest.mark.parametrize("quotas", [None, {}, {"api_calls_per_second": None}, [], "x", {"api_calls_per_second": "7"}])
@pytest.mark.parametrize("value", [0, -1, True, float("nan"), float("inf")])
def test_what_is_no_quota_is_none(quotas: Any, value: Any) -> None:
    view: Any = SimpleNamespace(tenant=SimpleNamespace(quotas=quotas))
    assert quota_of(view, "api_calls_per_second") == 0
    view.tenant.quotas = {"api_calls_per_second": value}
    assert quota_of(view, "api_calls_per_second") == 0


def test_what_was_admitted_already_does_not_count_again() -> None:
    limits = limits_of(tenant=1)
    token = counted.set(True)
    assert passed(limits, a_key()) == (10, None)
    counted.reset(token)
    assert passed(limits, a_key()) == (1, "tenant_rate_limit")


class Door:
    """Authenticates who has the good key, and counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception = Unauthorized("api_key_unknown", "No.")

    async def __call__(self, facts: Facts) -> Principal:
        self.asked += 1
        if facts.api_key != b"good":
            raise self.error
        return a_key()


async def tries(limits: RequestLimits, door: Door, facts: Facts, times: int) -> list[str]:
    codes = []
    for _ in range(times):
        try:
            await limits.attempt(facts, door)
        except (Unauthorized, TooMany, Unavailable) as refused:
            codes.append(refused.code)
    return codes


async def test_a_flood_of_bad_keys_is_stopped_before_anybody_is_asked() -> None:
    limits, door = limits_of(refused=2), Door()
    codes = await tries(limits, door, CALL._replace(api_key=b"bad"), 1000)
    assert door.asked <= 22
    assert set(codes[door.asked :]) == {"address_refused_too_often"}
    assert await tries(limits, door, CALL._replace(api_key=b"bad", client_host="10.0.0.2"), 1) == ["api_key_unknown"]


async def test_a_known_good_key_is_not_slowed_by_a_flood_from_its_address() -> None:
    limits, door = limits_of(refused=2), Door()
    good = CALL._replace(api_key=b"good")
    assert await tries(limits, door, good, 100) == []
    await tries(limits, door, CALL._replace(api_key=b"bad"), 1000)
    assert await tries(limits, door, good, 100) == []


async def test_good_keys_and_outages_use_nothing_up() -> None:
    limits, door = limits_of(refused=1), Door()
    limits._known = type("Nothing", (dict,), {"__setitem__": lambda *_: None})()
    assert await tries(limits, door, CALL._replace(api_key=b"good"), 100) == []
    door.error = Unavailable("database_unavailable", "Later.")
    assert set(await tries(limits, door, CALL._replace(api_key=b"bad"), 100)) == {"database_unavailable"}
    assert door.asked == 200


def test_an_ipv6_customer_is_one_address() -> None:
    assert address_of("2001:db8:1:2:3:4:5:6") == address_of("2001:db8:1:2::9") != address_of("2001:db8:1:3::9")
    assert address_of("::ffff:10.0.0.1") == address_of("10.0.0.1")
    assert address_of(None) == "-"


def test_what_one_bucket_refuses_the_others_are_not_charged_for() -> None:
    limits = Limits(monotonic=Seconds())
    wide, narrow = Permit("a", "wide", 1, 3), Permit("b", "narrow", 1, 1)
    assert limits.take_many_here([wide, narrow]) is None
    refused = limits.take_many_here([wide, narrow])
    assert refused is not None
    assert refused[0] == 1
    assert [limits.take_many_here([wide]) for _ in range(2)] == [None, None]
    assert limits.take_many_here([wide]) is not None


async def test_many_addresses_take_no_more_memory_than_there_is_room_for() -> None:
    limits, door = limits_of(refused=2, address=2), Door()
    for number in range(SIZE + 2000):
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        await tries(limits, door, CALL._replace(api_key=b"bad", client_host=host), 1)
    assert len(limits._addresses._full_at) <= SIZE
    for number in range(SIZE + 2000):
        await tries(limits, door, CALL._replace(api_key=b"good", authorization=b"%d" % number), 1)
    assert len(limits._known) <= SIZE


def too_many_without_retry(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        is_one = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "TooMany"
        if is_one and "retry_after" not in {keyword.arg for keyword in node.keywords}:  # type: ignore[attr-defined]
            yield node.lineno  # type: ignore[attr-defined]


def test_every_429_says_when_to_come_again() -> None:
    found = [
        f"{path.name}:{line}" for path in PACKAGE.rglob("*.py") for line in too_many_without_retry(ast.parse(path.read_text()))
    ]
    assert found == []
    assert list(too_many_without_retry(ast.parse("raise TooMany('a', 'b')"))) == [1]
