"""People of a tenant log in by its own OpenID Connect provider, and nobody gets further by it than they should."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.acceptance.installation import Installation, installed
from tests.acceptance.signing_on import SETTINGS, add_person, bearer_of, browser, set_provider
from tests.databases import Databases
from tests.servers.identity_provider import CLIENT, Provider, identity_provider, person
from waystate.errors import Forbidden
from waystate.framework import OPERATIONS
from waystate.ids import TenantId
from waystate.tenants.model import Tenant
from waystate.tokens import COOKIE
from waystate.web.facts import Facts

A, B = "acme", "globex"


@pytest.fixture
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenants([Tenant(id=TenantId(each), name=each) for each in (A, B)])
            yield installation


@pytest.fixture
def provider() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


async def test_a_member_comes_in_by_the_e_mail_address_with_the_role_they_have(place: Installation, provider: Provider) -> None:
    user_id = await add_person(place, "ada@example.com", (A, "supervisor"))
    await set_provider(place, A, provider)
    ada = browser(place)
    answer = await ada.log_in(A)
    assert (answer.status_code, answer.headers["location"]) == (303, "/v1/me"), answer.text
    seen = await ada.get(SETTINGS)
    assert (seen.status_code, seen.json()["issuer"]) == (200, provider.issuer)
    (session,) = await place.rows("SELECT * FROM sessions WHERE user_id = $1", user_id)
    assert (session["tenant_id"], session["method"], session["address"]) == (A, "sign_on", "127.0.0.1")


async def test_the_cookies_are_for_this_host_alone_and_no_script_reads_them(place: Installation, provider: Provider) -> None:
    await add_person(place, "ada@example.com", (A, "agent"))
    await set_provider(place, A, provider)
    ada = browser(place)
    location = await ada.begin(A)
    (begun,) = ada.set_cookies
    answer = await ada.get(await ada.authorize(location))
    given, cleared = ada.set_cookies
    for cookie, name, age in ((begun, f"{COOKIE}-login", 600), (given, COOKIE, 43200), (cleared, f"{COOKIE}-login", 0)):
        written, *attributes = cookie.split("; ")
        assert written.startswith(f"{name}=")
        assert set(attributes) == {"Path=/", f"Max-Age={age}", "Secure", "HttpOnly", "SameSite=Lax"}
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    for secret in ("state=", "nonce="):
        value = location.split(secret)[1].partition("&")[0]
        assert value not in begun


async def test_the_provider_is_asked_for_a_code_under_pkce(place: Installation, provider: Provider) -> None:
    await set_provider(place, A, provider)
    first, second = await browser(place).begin(A), await browser(place).begin(A)
    assert first.startswith(f"{provider.issuer}/authorize?response_type=code&client_id={CLIENT}&")
    assert "redirect_uri=http%3A%2F%2Flocalhost%3A3005%2Fv1%2Fauth%2Foidc%2Facme%2Fcallback" in first
    for name in ("state=", "nonce=", "code_challenge="):
        assert first.split(f"&{name}")[1].partition("&")[0] != second.split(f"&{name}")[1].partition("&")[0]
    assert provider.paths == ["/.well-known/openid-configuration"]


async def test_who_came_once_is_known_by_the_subject_and_not_by_the_address(place: Installation, provider: Provider) -> None:
    ada = await add_person(place, "ada@example.com", (A, "agent"))
    await set_provider(place, A, provider)
    await browser(place).log_in(A)
    provider.person = person("ada", email="countess@example.com")
    assert (await browser(place).log_in(A)).status_code == 303
    assert await place.value("SELECT count(*) FROM sessions WHERE user_id = $1", ada) == 2
    provider.person = person("ada", sub="somebody-else")
    answer = await browser(place).log_in(A)
    assert (answer.status_code, answer.json()["code"]) == (403, "linked_to_another")


async def test_a_stranger_is_refused_where_no_role_is_set_for_newcomers(place: Installation, provider: Provider) -> None:
    await set_provider(place, A, provider)
    answer = await browser(place).log_in(A)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")
    assert await place.value("SELECT count(*) FROM users WHERE email = 'ada@example.com'") == 0


async def test_a_newcomer_becomes_what_the_provider_is_set_to_make_of_one(place: Installation, provider: Provider) -> None:
    await set_provider(place, A, provider, {"default_role": "agent", "allowed_domains": ["EXAMPLE.com "]})
    provider.person = person("ada", email="Ada@Example.COM")
    assert (await browser(place).log_in(A)).status_code == 303
    (row,) = await place.rows(
        "SELECT u.id, u.name, u.status, u.password_hash, m.tenant_id, m.role, m.oidc_subject "
        "FROM users u JOIN memberships m ON m.user_id = u.id WHERE u.email = 'ada@example.com'"
    )
    user_id = row.pop("id")
    assert row == {
        "name": "Ada",
        "status": "active",
        "password_hash": None,
        "tenant_id": A,
        "role": "agent",
        "oidc_subject": "subject-ada",
    }
    entries = await place.rows("SELECT action, actor, details FROM audit_log WHERE tenant_id = $1 ORDER BY position", A)
    assert [each["action"] for each in entries] == ["identity_provider.set", "user.joined", "user.logged_in"]
    assert entries[1]["details"] == {"role": "agent", "by": "identity_provider"}
    assert entries[2]["actor"] == {"kind": "user", "id": str(user_id)}


async def test_an_address_of_another_domain_is_refused(place: Installation, provider: Provider) -> None:
    await add_person(place, "ada@example.com", (A, "admin"))
    await set_provider(place, A, provider, {"default_role": "agent", "allowed_domains": ["corp.example"]})
    for address in ("ada@example.com", "eve@corp.example.evil.example", "eve@notcorp.example", "corp.example@evil.example"):
        provider.person = person("ada", email=address)
        answer = await browser(place).log_in(A)
        assert (answer.status_code, answer.json()["code"]) == (403, "domain_not_allowed")


async def test_who_was_invited_is_active_after_the_first_login(place: Installation, provider: Provider) -> None:
    ada = await add_person(place, "ada@example.com", (A, "agent"), status="invited")
    await set_provider(place, A, provider)
    visitor = browser(place)
    assert (await visitor.log_in(A)).status_code == 303
    assert await place.value("SELECT status FROM users WHERE id = $1", ada) == "active"
    assert (await visitor.get("/v1/messages/wamid.x/trace")).json()["code"] != "session_revoked"


@pytest.mark.parametrize("subject", [None, "subject-ada"])
async def test_who_was_disabled_stays_outside(place: Installation, provider: Provider, subject: str | None) -> None:
    await set_provider(place, A, provider, {"default_role": "agent"})
    await add_person(place, "ada@example.com", (A, "agent"), status="disabled", subject=subject)
    answer = await browser(place).log_in(A)
    assert (answer.status_code, answer.json()["code"]) == (403, "person_disabled")
    assert answer.headers.get("set-cookie") is None


async def test_a_provider_opens_nothing_of_another_tenant(place: Installation, provider: Provider) -> None:
    """The owner of A runs a provider that says to be whomever it likes."""
    await add_person(place, "bob@globex.example", (B, "owner"))
    both = await add_person(place, "ada@example.com", (A, "agent"), (B, "owner"))
    await set_provider(place, A, provider, {"default_role": "admin"})
    provider.person = person("bob", domain="globex.example")
    answer = await browser(place).log_in(A)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")
    assert (await browser(place).get(f"/v1/auth/oidc/{B}")).status_code == 404
    provider.person = person("ada")
    ada = browser(place)
    assert (await ada.log_in(A)).status_code == 303
    assert await place.rows("SELECT tenant_id FROM sessions WHERE user_id = $1", both) == [{"tenant_id": A}]
    elsewhere = await ada.get("/v1/messages/wamid.x/trace", **{"x-tenant-id": B})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "tenant_mismatch")
    links = await place.rows("SELECT tenant_id, oidc_subject FROM memberships WHERE user_id = $1 ORDER BY 1", both)
    assert links == [{"tenant_id": A, "oidc_subject": "subject-ada"}, {"tenant_id": B, "oidc_subject": None}]


@pytest.mark.parametrize("path", ["/v1/me/password", "/v1/me/totp", "/v1/me/totp/confirm"])
async def test_a_session_by_a_provider_cannot_change_what_opens_other_tenants(
    place: Installation, provider: Provider, path: str
) -> None:
    user_id = await add_person(place, "ada@example.com", (A, "owner"), (B, "owner"))
    await set_provider(place, A, provider)
    ada = browser(place)
    await ada.log_in(A)
    operation = OPERATIONS["POST", path]
    with pytest.raises(Forbidden) as refused:
        await place.app.services.guard.admit(
            Facts(path, "POST", authorization=f"Bearer {ada.cookies[COOKIE]}".encode()), operation
        )
    assert refused.value.code == "password_login_required"
    by_password = await bearer_of(place, A, user_id)
    facts = Facts(path, "POST", authorization=by_password["authorization"].encode())
    assert (await place.app.services.guard.admit(facts, operation)).user_id == user_id


async def test_a_login_ends_at_the_page_it_was_begun_for(place: Installation, provider: Provider) -> None:
    await add_person(place, "ada@example.com", (A, "agent"))
    await set_provider(place, A, provider)
    answer = await browser(place).log_in(A, return_to="/console/inbox?filter=mine")
    assert answer.headers["location"] == "/console/inbox?filter=mine"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", "", "/a\r\nx: y", "/é"]
)
async def test_a_login_never_ends_at_another_host(place: Installation, provider: Provider, target: str) -> None:
    await set_provider(place, A, provider)
    answer = await place.http.get(f"/v1/auth/oidc/{A}", params={"return_to": target})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_return_to")


async def test_an_unknown_tenant_and_one_without_provider_look_the_same(place: Installation, provider: Provider) -> None:
    await set_provider(place, B, provider)
    await place.database.execute("UPDATE tenants SET status = 'suspended' WHERE id = $1", B)
    answers: list[Any] = [await place.http.get(f"/v1/auth/oidc/{tenant}") for tenant in (A, B, "nobody", "platform")]
    assert {each.status_code for each in answers} == {404}
    assert len({each.text for each in answers}) == 1
    assert (await place.http.get("/v1/auth/oidc/No%20Tenant")).status_code == 400


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_either_way_to_present_the_secret_works(place: Installation, provider: Provider, method: str) -> None:
    await add_person(place, "ada@example.com", (A, "agent"))
    provider.auth_method = method
    await set_provider(place, A, provider)
    assert (await browser(place).log_in(A)).status_code == 303
