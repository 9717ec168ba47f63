"""The login: what it gives, what it never tells, and how guessing is slowed down without shutting the owner out."""

from collections.abc import AsyncIterator
from itertools import count
from statistics import median
from time import perf_counter

import pytest

from tests.acceptance.installation import Installation, installed
from tests.acceptance.staff import PASSWORD, Person, employ, invite, log_in, request, send
from tests.databases import Databases
from waystate.ids import PLATFORM
from waystate.principal import Role

A = "tenant-a"
_people = count()


class Watch:
    """Seconds that pass when a test says so: however slow the machine, no bucket fills meanwhile."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), monotonic=watch, TRUSTED_MODE="off") as place:
            await place.add_tenant(A, number="1", integration="integration-a")
            yield place


@pytest.fixture
async def person(place: Installation) -> Person:
    return await employ(place, A, f"person-{next(_people)}@example.com", Role.ADMIN)


def network(number: int) -> str:
    return f"10.1.{number // 250}.{number % 250 + 1}"


async def test_a_browser_needs_only_the_cookie_and_the_csrf_token(place: Installation, person: Person) -> None:
    body = {"email": person.email.upper(), "password": PASSWORD}
    answer = await request(place, "POST", "/v1/auth/login", body, origin="http://localhost:3005")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-waystate={answer.json()['token']}; Path=/; ")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    jar = cookie.partition(";")[0]
    status, me = await send(place, "GET", "/v1/me", cookie=jar)
    assert (status, me["csrfToken"]) == (200, answer.json()["csrfToken"])
    assert (await send(place, "POST", "/v1/auth/logout", cookie=jar))[1]["code"] == "csrf_token_required"
    left = await request(place, "POST", "/v1/auth/logout", cookie=jar, x_csrf_token=me["csrfToken"])
    assert (left.status_code, "Max-Age=0" in left.headers["set-cookie"]) == (204, True)
    assert (await send(place, "GET", "/v1/me", cookie=jar))[1]["code"] == "session_revoked"
    assert (await person.call("GET", "/v1/me"))[0] == 200, "another session of the same person"


async def test_a_foreign_page_cannot_log_a_browser_in_with_a_form(place: Installation, person: Person) -> None:
    form = {"origin": "https://evil.example", "content_type": "text/plain"}
    status, told = await send(place, "POST", "/v1/auth/login", {"email": person.email, "password": PASSWORD}, **form)
    assert (status, told["code"]) == (403, "origin_not_allowed")


async def test_whatever_is_wrong_the_answer_is_the_same(place: Installation, person: Person) -> None:
    invited = (await invite(place, A, "pending@example.com")).member
    gone = await employ(place, A, "gone@example.com")
    _, page = await person.call("GET", "/v1/users?limit=500")
    (subject,) = [each["id"] for each in page["items"] if each["email"] == gone.email]
    assert (await person.call("PATCH", f"/v1/users/{subject}", {"status": "disabled"}))[0] == 200
    answers = [
        await log_in(place, email, password, tenant=tenant)
        for email, password in (
            (person.email, "not the password"),
            ("nobody@example.com", PASSWORD),
            ("no address at all", PASSWORD),
            (invited.email, PASSWORD),
            (gone.email, PASSWORD),
        )
        for tenant in (A, "no-such-tenant")
    ]
    assert {status for status, _ in answers} == {401}
    assert len({str(told) for _, told in answers}) == 1
    assert answers[0][1]["code"] == "login_failed"


async def test_an_unknown_e_mail_takes_as_long_as_a_wrong_password(place: Installation, person: Person) -> None:
    async def took(email: str, address: str) -> float:
        began = perf_counter()
        assert (await log_in(place, email, "not the password", address))[0] == 401
        return perf_counter() - began

    known = [await took(person.email, f"10.2.0.{number}") for number in range(7)]
    unknown = [await took(f"unknown-{number}@example.com", f"10.2.1.{number}") for number in range(7)]
    disabled = [await took("no address", f"10.2.2.{number}") for number in range(7)]
    assert max(map(median, (known, unknown, disabled))) < 3 * min(map(median, (known, unknown, disabled)))


async def test_guessing_from_one_address_is_slowed_and_success_costs_nothing(
    place: Installation, person: Person, watch: Watch
) -> None:
    for _ in range(12):
        assert (await log_in(place, person.email, address="10.3.0.1"))[0] == 200
    answers = [
        await request(place, "POST", "/v1/auth/login", {"email": person.email, "password": "x"}, "10.3.0.1") for _ in range(8)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "login_rate_limit"
    assert answers[-1].headers["retry-after"] == "30"
    assert (await log_in(place, person.email, address="10.3.0.1"))[0] == 429, "the right password is no way round it"
    assert (await log_in(place, person.email, address="10.3.0.2"))[0] == 200, "but its owner comes in from elsewhere"
    for passed, expected in ((29.9, 429), (0.1, 401), (29.9, 429), (0.1, 200)):
        watch.now += passed
        password = PASSWORD if expected == 200 else "x"
        assert (await log_in(place, person.email, password, address="10.3.0.1"))[0] == expected, (watch.now, expected)


async def test_an_unknown_account_is_limited_like_a_known_one(place: Installation) -> None:
    answers = [(await log_in(place, "guessed@example.com", "x", "10.4.0.1"))[0] for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2


async def test_an_attack_from_many_addresses_does_not_shut_the_owner_out(place: Installation, person: Person) -> None:
    """Each address has a try or two, and no more than that, once the account has failed often."""
    for number in range(25):
        assert (await log_in(place, person.email, "x", network(number)))[0] == 401
    tries = [(await log_in(place, person.email, "x", "10.5.0.1"))[0] for _ in range(4)]
    assert tries == [401, 401, 429, 429]
    assert (await log_in(place, person.email, address="10.5.0.2"))[0] == 200
    assert (await log_in(place, person.email, address="10.5.0.2"))[0] == 200


async def test_an_address_that_tries_many_accounts_is_slowed_and_one_ipv6_network_is_one_address(place: Installation) -> None:
    answers = [
        (await log_in(place, f"stuffed-{number}@example.com", "x", f"2001:db8:1:1::{number:x}"))[0] for number in range(1, 65)
    ]
    assert answers[:60] == [401] * 60
    assert answers[-1] == 429
    assert (await log_in(place, "stuffed@example.com", "x", "2001:db8:1:2::1"))[0] == 401


async def test_failures_are_on_record_without_the_e_mail_of_who_is_unknown(place: Installation, person: Person) -> None:
    await log_in(place, person.email, "x", "10.6.0.1")
    await log_in(place, "curious@example.com", "x", "10.6.0.2")
    rows = await place.rows("SELECT tenant_id, subject, details::text FROM audit_log WHERE action = 'login.failed'")
    _, me = await person.call("GET", "/v1/me")
    assert [row["tenant_id"] for row in rows if row["subject"] == f"user:{me['user']['id']}"] == [A]
    strangers = [row for row in rows if row["tenant_id"] == PLATFORM]
    assert strangers
    assert all(row["subject"].startswith("email:") and "@" not in row["subject"] for row in strangers)
    assert "curious" not in str(rows)
    before = len(strangers)
    for number in range(110):
        await log_in(place, f"flood-{number}@example.com", "x", network(1000 + number))
    kept = await place.value("SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND action = 'login.failed'", PLATFORM)
    assert kept < 110 + before, "an attack does not fill the log"


async def test_fields_that_are_wrong_are_named(place: Installation) -> None:
    for change, field in (
        ({"extra": 1}, "extra"),
        ({"email": 1}, "email"),
        ({"password": None}, "password"),
        ({"tenant": "No Tenant"}, "tenant"),
        ({"code": "1" * 100}, "code"),
        ({"password": "x" * 5000}, "password"),
    ):
        body = {"email": "a@example.com", "password": "secret-secret"} | change
        status, told = await send(place, "POST", "/v1/auth/login", body)
        assert (status, told["errors"][0]["field"]) == (422, field)
        assert "secret-secret" not in str(told)
