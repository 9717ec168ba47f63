"""Who sets a tenant's identity provider, and what becomes of its secret."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.acceptance.installation import VAULT, Installation, installed
from tests.acceptance.signing_on import BODY, SETTINGS, add_person, bearer_of, owner_of
from tests.databases import Databases
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.principal import NEVER_OF_A_KEY, Scope
from waystate.tenants.model import Tenant
from waystate.vault.sealing import Unsealable, aad

A, B = "acme", "globex"
ISSUER = "https://idp.example.com/realms/acme/"
GOOD = {"issuer": ISSUER, **BODY, "settings": {"allowed_domains": ["example.com"], "default_role": "agent"}}


@pytest.fixture
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        home = tmp_path_factory.mktemp("home")
        async with installed(url, home, PUBLIC_URL="https://waystate.example.com") as installation:
            await installation.add_tenants([Tenant(id=TenantId(each), name=each) for each in (A, B)])
            yield installation


async def test_an_owner_sets_reads_and_removes_it_and_the_log_has_it(place: Installation) -> None:
    owner = await owner_of(place, A)
    answer = await place.http.put(SETTINGS, json=GOOD, headers=owner)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert datetime.fromisoformat(shown.pop("created_at")) <= datetime.now(UTC)
    assert shown == {
        "issuer": ISSUER,
        "client_id": BODY["client_id"],
        "settings": {"allowed_domains": ["example.com"], "default_role": "agent"},
        "redirect_uri": "https://waystate.example.com/v1/auth/oidc/acme/callback",
        "login_path": "/v1/auth/oidc/acme",
    }
    assert (await place.http.get(SETTINGS, headers=owner)).json()["issuer"] == ISSUER
    assert (await place.http.delete(SETTINGS, headers=owner)).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await place.http.request(method, SETTINGS, headers=owner)
        assert (gone.status_code, gone.json()["code"]) == (404, "no_identity_provider")
    entries = await place.rows("SELECT action, subject, actor, details FROM audit_log ORDER BY position")
    assert [(each["action"], each["subject"]) for each in entries] == [
        ("identity_provider.set", "tenant:acme"),
        ("identity_provider.removed", "tenant:acme"),
    ]
    assert entries[0]["actor"]["kind"] == "user"
    assert BODY["client_secret"] not in str(entries)


@pytest.mark.parametrize(("role", "reads"), [("admin", True), ("supervisor", True), ("agent", False), ("viewer", False)])
async def test_nobody_but_an_owner_sets_it(place: Installation, role: str, reads: bool) -> None:
    await place.http.put(SETTINGS, json=GOOD, headers=await owner_of(place, A))
    bearer = await bearer_of(place, A, await add_person(place, f"{role}@example.com", (A, role)))
    for method in ("PUT", "DELETE"):
        answer = await place.http.request(method, SETTINGS, json=GOOD, headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_insufficient")
        assert "owner" in answer.json()["detail"]
    assert (await place.http.get(SETTINGS, headers=bearer)).status_code == (200 if reads else 403)


async def test_no_key_sets_it_whatever_its_scopes(place: Installation) -> None:
    async with place.app.db.tenant(TenantId(A)) as conn:
        scopes = frozenset(Scope) - NEVER_OF_A_KEY - {Scope.PLATFORM}
        _, key = await key_store.create_key(conn, TenantId(A), "all", place.app.clock(), scopes=scopes)
    answer = await place.http.put(SETTINGS, json=GOOD, headers={"x-api-key": key})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (await place.http.put(SETTINGS, json=GOOD)).status_code == 401


async def test_one_tenant_sees_and_changes_only_its_own(place: Installation) -> None:
    await place.http.put(SETTINGS, json=GOOD, headers=await owner_of(place, A))
    other = await owner_of(place, B)
    for method in ("GET", "DELETE"):
        assert (await place.http.request(method, SETTINGS, headers=other)).status_code == 404
    await place.http.put(SETTINGS, json=GOOD | {"issuer": "https://other.example"}, headers=other)
    assert await place.value("SELECT issuer FROM identity_providers WHERE tenant_id = $1", A) == ISSUER


async def test_the_secret_is_sealed_for_its_row(place: Installation) -> None:
    await place.http.put(SETTINGS, json=GOOD, headers=await owner_of(place, A))
    sealed = await place.value("SELECT client_secret FROM identity_providers")
    assert BODY["client_secret"].encode() not in sealed
    opened = VAULT.open(sealed, aad=aad(A, "identity_providers", "client_secret", A))
    assert opened == BODY["client_secret"]
    with pytest.raises(Unsealable):
        VAULT.open(sealed, aad=aad(B, "identity_providers", "client_secret", B))


async def test_a_kept_secret_goes_to_no_other_issuer_or_client(place: Installation) -> None:
    """Or whoever may change the address could have the secret sent to their own."""
    owner = await owner_of(place, A)
    await place.http.put(SETTINGS, json=GOOD, headers=owner)
    before = await place.value("SELECT client_secret FROM identity_providers")
    without = {name: value for name, value in GOOD.items() if name != "client_secret"}
    answer = await place.http.put(SETTINGS, json=without | {"settings": {}}, headers=owner)
    assert (answer.status_code, answer.json()["settings"]["default_role"]) == (200, None)
    for change in ({"issuer": "https://evil.example"}, {"client_id": "another"}):
        answer = await place.http.put(SETTINGS, json=without | change, headers=owner)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "client_secret")
    assert VAULT.open(before, aad=aad(A, "identity_providers", "client_secret", A)) == BODY["client_secret"]
    assert await place.value("SELECT issuer FROM identity_providers") == ISSUER


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": "http://idp.example.com"}, "issuer"),
        ({"issuer": "http://10.0.0.7"}, "issuer"),
        ({"issuer": "http://localhost.evil.example"}, "issuer"),
        ({"issuer": "https://"}, "issuer"),
        ({"issuer": "https://user:password@idp.example.com"}, "issuer"),
        ({"issuer": "https://idp.example.com/?tenant=1"}, "issuer"),
        ({"issuer": "https://idp.example.com/#x"}, "issuer"),
        ({"issuer": "https://idp.example.com/a b"}, "issuer"),
        ({"issuer": "https://[::1"}, "issuer"),
        ({"issuer": "https://" + "a" * 3000}, "issuer"),
        ({"issuer": 5}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_secret": ["secret-in-a-list"]}, "client_secret"),
        ({"settings": {"default_role": "owner"}}, "settings.default_role"),
        ({"settings": {"default_role": "platform"}}, "settings.default_role"),
        ({"settings": {"allowed_domains": ["@example.com"]}}, "settings.allowed_domains.0"),
        ({"settings": {"allowed_domains": ["*"]}}, "settings.allowed_domains.0"),
        ({"settings": {"allowed_domains": "example.com"}}, "settings.allowed_domains"),
        ({"settings": {"more": 1}}, "settings.more"),
        ({"tenant_id": "globex"}, "tenant_id"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_fields_name(
    place: Installation, change: dict[str, object], field: str
) -> None:
    answer = await place.http.put(SETTINGS, json=GOOD | change, headers=await owner_of(place, A))
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert BODY["client_secret"] not in answer.text
    assert "secret-in-a-list" not in answer.text
