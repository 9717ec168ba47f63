"""A provider, a browser or a neighbour that does not play by the rules gets no session out of a login."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.acceptance.installation import Installation, installed
from tests.acceptance.signing_on import SETTINGS, add_person, browser, set_provider
from tests.databases import Databases
from tests.servers.identity_provider import CLIENT, SECRET, Provider, identity_provider, person
from waystate.ids import TenantId
from waystate.tenants.model import Tenant
from waystate.tokens import COOKIE

A, B = "acme", "globex"
BEGUN = f"{COOKIE}-login"
HOUR = 3600


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenants([Tenant(id=TenantId(each), name=each) for each in (A, B)])
            await add_person(installation, "ada@example.com", (A, "supervisor"), (B, "supervisor"))
            yield installation


@pytest.fixture
async def provider(place: Installation) -> AsyncIterator[Provider]:
    with identity_provider() as provider:
        await set_provider(place, A, provider)
        yield provider


@pytest.fixture
def other() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


async def refused(place: Installation) -> tuple[int, str]:
    """What a login is answered with, when it leads to nothing at all."""
    before = await place.counts()
    ada = browser(place)
    answer = await ada.log_in(A)
    assert COOKIE not in ada.cookies
    assert await place.counts() == before
    problem = answer.json()
    assert set(problem) <= {"type", "title", "status", "detail", "code"}
    for secret in (SECRET, "subject-", "example.com", "nonce-of"):
        assert secret not in answer.text
    return answer.status_code, problem["code"]


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"nonce": "nonce-of-another-login"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": [CLIENT, "another-client"]}, "azp"),
        ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"exp": int(time.time()) - HOUR}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"iat": int(time.time()) + HOUR}, "iat"),
        ({"iat": None}, "iat"),
        ({"nbf": int(time.time()) + HOUR}, "nbf"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    ],
)
async def test_a_token_for_somebody_or_something_else_is_refused(
    place: Installation, provider: Provider, claims: dict[str, Any], named: str
) -> None:
    provider.claims = claims
    assert await refused(place) == (401, "id_token_refused")
    answer = await browser(place).log_in(A)
    assert named in answer.json()["detail"]


@pytest.mark.parametrize("fault", ["alg none", "alg HS256", "public key as secret", "bad signature", "foreign key"])
async def test_a_token_that_the_provider_did_not_sign_is_refused(place: Installation, provider: Provider, fault: str) -> None:
    provider.faults = {fault}
    assert await refused(place) == (401, "id_token_refused")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email_verified": False}, "email_not_verified"),
        ({"email_verified": None}, "email_not_verified"),
        ({"email_verified": "true"}, "email_not_verified"),
        ({"email_verified": 1}, "email_not_verified"),
        ({"email": None}, "email_missing"),
        ({"email": ["ada@example.com"]}, "email_missing"),
        ({"email": "ada@example.com\x00"}, "email_missing"),
        ({"email": "ada@example.com, eve@evil.example"}, "email_missing"),
        # The Kelvin sign is a `k` in lower case.
        ({"email": "mar\u212a@example.com"}, "email_missing"),
        ({"sub": "x" * 256}, "identity_unusable"),
        ({"sub": "a\x00"}, "identity_unusable"),
        ({"sub": ""}, "identity_unusable"),
    ],
)
async def test_a_person_who_is_not_surely_that_person_is_refused(
    place: Installation, provider: Provider, claims: dict[str, Any], code: str
) -> None:
    provider.claims = claims
    assert await refused(place) in ((403, code), (401, "id_token_refused"))
    answer = await browser(place).log_in(A)
    assert answer.json()["code"] == code or "sub" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("declines", 403, "login_declined"),
        ("forgets clients", 503, "identity_provider_unusable"),
        ("redirects /token", 503, "identity_provider_unusable"),
        ("redirects /keys", 503, "identity_provider_unusable"),
        ("giant /token", 503, "identity_provider_unusable"),
        ("giant /keys", 503, "identity_provider_unusable"),
        ("no json /token", 503, "identity_provider_unusable"),
        ("failing /token", 503, "identity_provider_unusable"),
        ("failing /keys", 503, "identity_provider_unusable"),
    ],
)
async def test_a_provider_that_misbehaves_is_refused(
    place: Installation, provider: Provider, fault: str, status: int, code: str
) -> None:
    provider.faults = {fault}
    assert await refused(place) == (status, code)
    assert "/elsewhere" not in provider.paths


@pytest.mark.parametrize("fault", ["redirects", "giant", "no json", "failing"])
async def test_a_document_that_cannot_be_used_stops_the_login_before_it_begins(
    place: Installation, provider: Provider, fault: str
) -> None:
    provider.faults = {f"{fault} /.well-known/openid-configuration"}
    answer = await place.http.get(f"/v1/auth/oidc/{A}")
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unusable")
    assert "set-cookie" not in answer.headers
    assert "/elsewhere" not in provider.paths


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://10.0.0.7/token"},
        {"token_endpoint": "http://localhost@evil.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "http://localhost.evil.example/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://idp.example/\r\nset-cookie: x=y"},
        {"authorization_endpoint": None},
        {"jwks_uri": ["https://idp.example/keys"]},
    ],
)
async def test_a_document_that_points_elsewhere_is_refused(
    place: Installation, provider: Provider, document: dict[str, Any]
) -> None:
    provider.document = document
    answer = await place.http.get(f"/v1/auth/oidc/{A}")
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unusable")
    assert provider.paths == ["/.well-known/openid-configuration"]


async def test_a_provider_that_is_away_is_said_to_be_away(place: Installation, other: Provider) -> None:
    await set_provider(place, A, other, issuer="http://127.0.0.1:9/")
    answer = await place.http.get(f"/v1/auth/oidc/{A}")
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unreachable")
    assert answer.headers["retry-after"] == "10"
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("algorithm", ["RSA", "EC"])
async def test_a_key_that_is_new_is_looked_for(place: Installation, provider: Provider, algorithm: str) -> None:
    assert (await browser(place).log_in(A)).status_code == 303
    provider.rotate(algorithm=algorithm)
    assert (await browser(place).log_in(A)).status_code == 303
    assert provider.paths.count("/keys") == 2


async def test_a_key_that_is_nowhere_is_looked_for_once(place: Installation, provider: Provider) -> None:
    provider.published = list(provider.keys)
    provider.rotate()
    assert await refused(place) == (401, "id_token_refused")
    assert provider.paths.count("/keys") == 2


async def test_a_token_without_a_key_id_is_taken_where_there_is_one_key(place: Installation, provider: Provider) -> None:
    provider.faults = {"no kid"}
    assert (await browser(place).log_in(A)).status_code == 303


async def test_a_code_works_once(place: Installation, provider: Provider) -> None:
    ada = browser(place)
    back = await ada.authorized(A)
    kept = dict(ada.cookies)
    assert (await ada.get(back)).status_code == 303
    again = browser(place)
    again.cookies = kept
    answer = await again.get(back)
    assert (answer.status_code, answer.json()["code"]) == (401, "code_refused")


async def test_a_callback_in_another_browser_is_refused(place: Installation, provider: Provider) -> None:
    """Else somebody could be logged in, unknowing, as whoever sent the link."""
    attacker, victim = browser(place), browser(place)
    back = await attacker.authorized(A)
    answer = await victim.get(back)
    assert (answer.status_code, answer.json()["code"]) == (400, "login_not_begun_here")
    await victim.begin(A)
    answer = await victim.get(back)
    assert (answer.status_code, answer.json()["code"]) == (400, "login_not_begun_here")
    assert "/token" not in provider.paths


@pytest.mark.parametrize("state", ["", "x", "\u00e9", "%00"])
async def test_a_state_that_was_not_given_is_refused(place: Installation, provider: Provider, state: str) -> None:
    ada = browser(place)
    back = await ada.authorized(A)
    path, _, code = back.partition("?")[0], None, back.split("code=")[1]
    for query in (f"state={state}&code={code}", f"code={code}", f"state={state}&error=x"):
        answer = await ada.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "login_not_begun_here")


async def test_a_cookie_of_another_tenants_login_is_refused(place: Installation, provider: Provider, other: Provider) -> None:
    await set_provider(place, B, other)
    ada = browser(place)
    back = await ada.authorized(A)
    answer = await ada.get(back.replace(f"/{A}/", f"/{B}/"))
    assert (answer.status_code, answer.json()["code"]) == (400, "login_not_begun_here")


async def test_a_cookie_that_was_changed_is_refused(place: Installation, provider: Provider) -> None:
    ada = browser(place)
    back = await ada.authorized(A)
    good = ada.cookies[BEGUN]
    for bad in (good[:-2] + "AA", good[:40], "x", "!", "A" * 5000, '"' + good + '"x'):
        ada.cookies = {BEGUN: bad}
        answer = await ada.get(back)
        assert (answer.status_code, answer.json()["code"]) == (400, "login_not_begun_here")


async def test_an_answer_of_another_issuer_is_refused(place: Installation, provider: Provider, other: Provider) -> None:
    ada = browser(place)
    back = await ada.authorized(A)
    here, there = (each.issuer.replace(":", "%3A").replace("/", "%2F") for each in (provider, other))
    assert here in back
    answer = await ada.get(back.replace(here, there))
    assert (answer.status_code, answer.json()["code"]) == (403, "issuer_mismatch")


async def test_a_provider_that_names_itself_always_must_do_so(place: Installation, provider: Provider) -> None:
    provider.document = {"authorization_response_iss_parameter_supported": True}
    ada = browser(place)
    back = await ada.authorized(A)
    answer = await ada.get(back.partition("&iss=")[0] + "&code=" + back.split("code=")[1])
    assert (answer.status_code, answer.json()["code"]) == (403, "issuer_mismatch")


async def test_a_provider_that_is_changed_during_a_login_ends_it(
    place: Installation, provider: Provider, other: Provider
) -> None:
    ada = browser(place)
    back = await ada.authorized(A)
    await set_provider(place, A, other)
    answer = await ada.get(back)
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_provider_changed")


async def test_another_provider_knows_nobody_by_the_old_names(place: Installation, provider: Provider, other: Provider) -> None:
    assert (await browser(place).log_in(A)).status_code == 303
    await set_provider(place, A, other)
    assert await place.value("SELECT count(*) FROM memberships WHERE oidc_subject IS NOT NULL") == 0
    # The same subject means somebody else there.
    other.person = person("ada", email="mallory@example.com")
    assert await refused(place) == (403, "not_a_member")


@pytest.mark.parametrize("host", ["waystate.example.com", "evil.example", "localhost.evil.example", "10.0.0.7:3005"])
async def test_the_host_header_never_says_where_codes_go(place: Installation, provider: Provider, host: str) -> None:
    answer = await place.http.get(f"/v1/auth/oidc/{A}", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (409, "public_url_missing")
    assert (await place.http.get(SETTINGS, headers={"host": host})).status_code == 401


@pytest.mark.parametrize(("field", "value"), [("code", "x" * 8193), ("code", "denied\n"), ("state", "x" * 1025)])
async def test_what_no_provider_sends_is_refused_by_its_name(place: Installation, field: str, value: str) -> None:
    answer = await place.http.get(f"/v1/auth/oidc/{A}/callback", params={field: value})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [f"query.{field}"])
    assert value not in answer.text
