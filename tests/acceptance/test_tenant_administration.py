"""Tenants over HTTP: the platform makes, changes, suspends and deletes them; their own people set up what is theirs."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    ACCESS_TOKEN,
    APP,
    CLIENT_SECRET,
    INTEGRATION,
    NUMBER,
    TENANT,
    WEBHOOK_SECRET,
    Installation,
    installed_with_far_sides,
)
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.ids import PLATFORM, TenantId
from waystate.keys import store as key_store
from waystate.principal import Scope
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Hold

OTHER = "globex"
SECRETS = (ACCESS_TOKEN, CLIENT_SECRET, WEBHOOK_SECRET, "a-new-token", "a-new-webhook-secret", "new-app-secret", "new-verify")
ACCOUNT = {"display_phone_number": "15550783881", "business_account_id": f"waba-{NUMBER}", "meta_app_id": APP.id}
GENESYS = {"region": "mypurecloud.de", "client_id": "client-1"}
NEW_SECRETS = {"client_secret": "s", "webhook_secret": WEBHOOK_SECRET}


@dataclass
class Office:
    """`answers` are the bodies of all answers so far: none may hold a secret."""

    place: Installation
    keys: dict[str, str]
    answers: list[str]

    async def __call__(self, who: str, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.keys[who]}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body)
        answer = await self.place.http.request(method, path, content=content, headers=headers)
        self.answers.append(answer.text)
        return answer

    async def audited(self, tenant: str) -> list[tuple[str, str, dict[str, Any]]]:
        rows = await self.place.rows(
            "SELECT action, subject, details, actor FROM audit_log WHERE tenant_id = $1 ORDER BY position", tenant
        )
        assert all(row["actor"]["kind"] == "key" for row in rows)
        return [(row["action"], row["subject"], row["details"]) for row in rows]


@pytest.fixture
async def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0) as place:
            await place.add_tenant(OTHER, number="2", integration="integration-b")
            keys = {PLATFORM: await make_key(place, PLATFORM, Scope.PLATFORM)}
            for tenant in (TENANT, OTHER):
                keys[tenant] = await make_key(place, TenantId(tenant), Scope.TENANT_READ, Scope.TENANT_WRITE, Scope.STATE_READ)
            office = Office(place, keys, [])
            yield office
            assert [secret for secret in SECRETS if any(secret in answer for answer in office.answers)] == []


async def make_key(place: Installation, tenant: TenantId, *scopes: Scope) -> str:
    async with place.app.db.tenant(tenant) as conn:
        return (await key_store.create_key(conn, tenant, "tests", utc_now(), scopes=scopes))[1]


def fields_of(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [each["field"] for each in answer.json()["errors"]]


async def test_a_tenant_is_made_found_listed_and_changed(office: Office) -> None:
    body = {"id": "initech", "name": "Initech", "settings": {"mapping_ttl": "PT1H"}, "quotas": {"messages_per_second": 5}}
    made = await office(PLATFORM, "POST", "/v1/platform/tenants", body)
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "active"
    assert made.json()["settings"] == {
        "correlation": "genesys",
        "mapping_ttl": "PT1H",
        "unknown_ttl": "PT10M",
        "replay_ttl": "P7D",
        "account_events_ttl": "P400D",
        "window_policy": "refuse",
        "window_template": None,
        "hold_ttl": "P7D",
        "genesys_identity": "contact",
        "genesys_attachments": True,
        "genesys_silence": "PT1H",
        "genesys_typing": True,
        "text_format": "plain",
        "agent_scope": "all",
        "agent_lease": "PT30M",
        "reopen_ttl": "P7D",
    }
    path = "/v1/platform/tenants/initech"
    assert (await office(PLATFORM, "GET", path)).json() == made.json()
    change = {"name": "Initech Ltd", "settings": {"mapping_ttl": None}, "quotas": {"websocket_connections": 3}}
    changed = (await office(PLATFORM, "PATCH", path, change)).json()
    assert changed == (await office(PLATFORM, "GET", path)).json()
    assert (changed["name"], changed["settings"]["mapping_ttl"]) == ("Initech Ltd", "P3D")
    assert changed["quotas"] == {
        "messages_per_second": 5,
        "api_calls_per_second": None,
        "storage_bytes": None,
        "websocket_connections": 3,
    }
    assert (await office.audited(PLATFORM))[-2:] == [
        ("tenant.created", "tenant:initech", {"name": "Initech"}),
        (
            "tenant.changed",
            "tenant:initech",
            {"fields": ["name", "settings.mapping_ttl", "quotas.websocket_connections"]},
        ),
    ]
    first = (await office(PLATFORM, "GET", "/v1/platform/tenants?limit=2")).json()
    second = (await office(PLATFORM, "GET", f"/v1/platform/tenants?limit=2&after={first['next']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]] == [TENANT, OTHER, "initech"]
    assert second["next"] is None


async def test_a_change_that_changes_nothing_is_not_on_record(office: Office) -> None:
    assert (await office(PLATFORM, "PATCH", f"/v1/platform/tenants/{TENANT}", {"name": TENANT})).status_code == 200
    assert await office.audited(PLATFORM) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "x", "name": ""}, "name"),
        ({"id": "Not A Slug", "name": "x"}, "id"),
        ({"id": "x", "name": "x", "status": "suspended"}, "status"),
        ({"id": "x", "name": "x", "settings": {"correlation": "both"}}, "settings.correlation"),
        ({"id": "x", "name": "x", "settings": {"colour": "red"}}, "settings.colour"),
        ({"id": "x", "name": "x", "settings": {"mapping_ttl": "-PT1H"}}, "settings.mapping_ttl"),
        ({"id": "x", "name": "x", "settings": {"unknown_ttl": 600}}, "settings.unknown_ttl"),
        ({"id": "x", "name": "x", "settings": {"replay_ttl": "3 days"}}, "settings.replay_ttl"),
        ({"id": "x", "name": "x", "quotas": {"messages_per_second": 0}}, "quotas.messages_per_second"),
        ({"id": "x", "name": "x", "quotas": {"storage_bytes": "lots"}}, "quotas.storage_bytes"),
        ({"id": "x", "name": "a\0b"}, "name"),
        ({"id": "x", "name": "\ud800"}, "name"),
        ({"id": "x", "name": "\x1b[31mred"}, "name"),
        ({"name": "x"}, "id"),
        ([], "body"),
    ],
)
async def test_a_wrong_field_of_a_new_tenant_is_named(office: Office, body: Any, field: str) -> None:
    assert fields_of(await office(PLATFORM, "POST", "/v1/platform/tenants", body)) == [field]
    assert await office.audited(PLATFORM) == []


async def test_a_wrong_change_is_named_and_nothing_is_changed(office: Office) -> None:
    path = f"/v1/platform/tenants/{TENANT}"
    before = (await office(PLATFORM, "GET", path)).json()
    assert fields_of(await office(PLATFORM, "PATCH", path, {"quotas": {"api_calls_per_second": -1}})) == [
        "quotas.api_calls_per_second"
    ]
    assert fields_of(await office(PLATFORM, "PATCH", path, {"id": "y"})) == ["id"]
    assert fields_of(await office(TENANT, "PATCH", "/v1/tenant", {"quotas": {}})) == ["quotas"]
    for duration in ("soon", "3 days", 3600, "12:30"):
        refused = await office(TENANT, "PATCH", "/v1/tenant", {"settings": {"replay_ttl": duration}})
        assert fields_of(refused) == ["settings.replay_ttl"]
        assert '"PT72H"' in refused.json()["errors"][0]["problem"]
    assert (await office(PLATFORM, "GET", path)).json() == before


async def test_the_platforms_own_tenant_is_none(office: Office) -> None:
    taken = await office(PLATFORM, "POST", "/v1/platform/tenants", {"id": PLATFORM, "name": "Mine"})
    assert (taken.status_code, taken.json()["code"]) == (409, "tenant_reserved")
    path = f"/v1/platform/tenants/{PLATFORM}"
    for method, place, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/suspend", None),
        ("POST", f"{path}/resume", None),
        ("DELETE", path, {"confirm": PLATFORM}),
    ):
        answer = await office(PLATFORM, method, place, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_tenant"), (method, place)


async def test_an_unknown_tenant_and_a_taken_name_are_told(office: Office) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")):
        body = {"confirm": "nobody"} if method == "DELETE" else {"name": "x"} if method == "PATCH" else None
        answer = await office(PLATFORM, method, f"/v1/platform/tenants/nobody{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_tenant"), (method, path)
        assert (await office(PLATFORM, method, f"/v1/platform/tenants/N%20B{path}", body)).status_code == 400
    taken = await office(PLATFORM, "POST", "/v1/platform/tenants", {"id": TENANT, "name": "x"})
    assert (taken.status_code, taken.json()["code"]) == (409, "tenant_exists")


async def test_a_tenants_own_key_opens_nothing_of_the_platforms(office: Office) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{OTHER}"), ("POST", f"/{TENANT}/resume")):
        assert (await office(TENANT, method, f"/v1/platform/tenants{path}", {})).status_code == 403
    assert (await office(PLATFORM, "GET", "/v1/tenant")).status_code == 403


async def test_a_tenant_changes_its_own_name_and_settings(office: Office) -> None:
    answer = await office(TENANT, "PATCH", "/v1/tenant", {"name": "Acme Inc", "settings": {"genesys_identity": "wa_id"}})
    assert answer.status_code == 200, answer.text
    assert (await office(TENANT, "GET", "/v1/tenant")).json() == answer.json()
    assert (answer.json()["name"], answer.json()["settings"]["genesys_identity"]) == ("Acme Inc", "wa_id")
    assert (await office.place.app.directory.get_tenant(TenantId(TENANT))).settings.genesys_identity == "wa_id"
    assert await office.audited(TENANT) == [
        ("tenant.changed", f"tenant:{TENANT}", {"fields": ["name", "settings.genesys_identity"]})
    ]


async def test_a_number_and_its_integration_are_set_up_changed_and_taken_off(office: Office) -> None:
    name, number = "9f1b2c3d-0000-4000-8000-000000000001", "777"
    secrets = {"client_secret": CLIENT_SECRET, "webhook_secret": WEBHOOK_SECRET}
    made = await office(TENANT, "PUT", f"/v1/tenant/genesys-integrations/{name}", GENESYS | secrets)
    assert made.status_code == 200, made.text
    assert (made.json()["has_client_secret"], made.json()["api_url"]) == (True, "https://api.mypurecloud.de")
    account = ACCOUNT | {"genesys_integration": name, "business_account_id": "waba-777"}
    path = f"/v1/tenant/whatsapp-accounts/{number}"
    made = await office(TENANT, "PUT", path, account | {"access_token": ACCESS_TOKEN})
    assert made.status_code == 200, made.text
    assert (made.json()["has_access_token"], made.json()["genesys_integration"]) == (True, name)
    kept = await office(TENANT, "PUT", path, account | {"limits": {"messages_per_second": 20}, "is_default": True})
    assert kept.json() == made.json() | {"limits": made.json()["limits"] | {"messages_per_second": 20}, "is_default": True}
    listed = (await office(TENANT, "GET", "/v1/tenant/whatsapp-accounts")).json()["items"]
    assert {each["phone_number_id"]: each["is_default"] for each in listed} == {NUMBER: False, number: True}
    view = await office.place.app.directory.get_tenant(TenantId(TENANT))
    assert view.accounts[number].access_token == ACCESS_TOKEN
    in_use = await office(TENANT, "DELETE", f"/v1/tenant/genesys-integrations/{name}")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "integration_in_use")
    assert f"Number {number}" in in_use.json()["detail"]
    assert (await office(TENANT, "DELETE", path)).status_code == 204
    assert (await office(TENANT, "DELETE", f"/v1/tenant/genesys-integrations/{name}")).status_code == 204
    assert (await office(TENANT, "DELETE", path)).json()["code"] == "unknown_account"
    assert (await office(TENANT, "DELETE", f"/v1/tenant/genesys-integrations/{name}")).json()["code"] == "unknown_integration"
    assert await office.audited(TENANT) == [
        ("integration.created", f"genesys_integration:{name}", {}),
        ("account.created", f"whatsapp_account:{number}", {}),
        ("account.changed", f"whatsapp_account:{NUMBER}", {"fields": ["is_default"]}),
        ("account.changed", f"whatsapp_account:{number}", {"fields": ["limits.messages_per_second", "is_default"]}),
        ("account.removed", f"whatsapp_account:{number}", {}),
        ("integration.removed", f"genesys_integration:{name}", {}),
    ]


async def test_a_held_number_says_so_and_why(office: Office) -> None:
    """Also in the answer of a change, which may be what mends it: only the next accepted message ends the hold."""
    hold = Hold(NUMBER, utc_now(), "auth", "answer", {"code": 190, "title": "The token has expired", "kind": "auth"})
    async with office.place.app.db.tenant(TenantId(TENANT)) as conn:
        await tenant_store.hold_accounts(conn, TenantId(TENANT), [hold])
    (listed,) = (await office(TENANT, "GET", "/v1/tenant/whatsapp-accounts")).json()["items"]
    assert (listed["held"]["kind"], listed["held"]["error"]) == ("auth", hold.error)
    assert datetime.fromisoformat(listed["held"]["since"]) == hold.since
    changed = await office(TENANT, "PUT", f"/v1/tenant/whatsapp-accounts/{NUMBER}", ACCOUNT | {"access_token": "a-new-token"})
    assert changed.json()["held"] == listed["held"]
    other = (await office(OTHER, "GET", "/v1/tenant/whatsapp-accounts")).json()["items"]
    assert [each["held"] for each in other] == [None]


async def test_a_new_secret_is_on_record_by_its_name_alone(office: Office) -> None:
    await office(TENANT, "PUT", f"/v1/tenant/whatsapp-accounts/{NUMBER}", ACCOUNT | {"access_token": "a-new-token"})
    await office(
        TENANT, "PUT", f"/v1/tenant/genesys-integrations/{INTEGRATION}", GENESYS | {"webhook_secret": "a-new-webhook-secret"}
    )
    (account, integration) = await office.audited(TENANT)
    assert account[2] == {"fields": ["access_token", "genesys_integration_id", "is_default"]}
    assert integration[2] == {"fields": ["webhook_secret", "limits.requests_per_minute"]}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("whatsapp-accounts/777", ACCOUNT, "access_token"),
        ("whatsapp-accounts/777", ACCOUNT | {"access_token": "t", "genesys_integration": "unknown"}, "genesys_integration"),
        ("whatsapp-accounts/777", ACCOUNT | {"access_token": "t", "api_url": "https://evil.test"}, "api_url"),
        ("whatsapp-accounts/777", ACCOUNT | {"access_token": "t", "limits": {"pair_burst": 0}}, "limits.pair_burst"),
        ("whatsapp-accounts/7%207", ACCOUNT | {"access_token": "t"}, "path.phone_number_id"),
        ("whatsapp-accounts/7%00", ACCOUNT | {"access_token": "t"}, "path.phone_number_id"),
        ("genesys-integrations/new", GENESYS | {"webhook_secret": WEBHOOK_SECRET}, "client_secret"),
        ("genesys-integrations/new", GENESYS | {"client_secret": "s", "webhook_secret": "short"}, "webhook_secret"),
        ("genesys-integrations/new", GENESYS | {"region": "evil.test/x", "client_secret": "s"}, "region"),
        ("genesys-integrations/new", GENESYS | NEW_SECRETS | {"region": "mypurecloud.fr"}, "region"),
        (f"genesys-integrations/{INTEGRATION}", GENESYS | {"region": "usw2.pure.cloud"}, "client_secret"),
        (f"whatsapp-accounts/{NUMBER}", ACCOUNT | {"access_token": "a\0b"}, "access_token"),
        (f"whatsapp-accounts/{NUMBER}", ACCOUNT | {"access_token": "a\ud800"}, "access_token"),
        (f"whatsapp-accounts/{NUMBER}", ACCOUNT | {"display_phone_number": "1\x9b2"}, "display_phone_number"),
        (f"whatsapp-accounts/{NUMBER}", ACCOUNT | {"business_account_id": "1\0"}, "business_account_id"),
        (f"genesys-integrations/{INTEGRATION}", GENESYS | {"client_id": "a\0b"}, "client_id"),
        (f"genesys-integrations/{INTEGRATION}", GENESYS | {"client_secret": "a\0b"}, "client_secret"),
        (f"genesys-integrations/{INTEGRATION}", GENESYS | {"webhook_secret": WEBHOOK_SECRET + "\0"}, "webhook_secret"),
        (f"genesys-integrations/{INTEGRATION}", GENESYS | {"login_url": "https://evil.test"}, "login_url"),
    ],
)
async def test_a_wrong_field_of_an_account_is_named(office: Office, path: str, body: Any, field: str) -> None:
    assert fields_of(await office(TENANT, "PUT", f"/v1/tenant/{path}", body)) == [field]
    assert await office.audited(TENANT) == []


async def test_what_another_tenant_has_is_refused_without_telling_whose(office: Office) -> None:
    foreign = ACCOUNT | {"access_token": "t"}
    for path, body in (
        ("whatsapp-accounts/2", foreign),
        ("whatsapp-accounts/777", foreign | {"business_account_id": "waba-2"}),
        ("genesys-integrations/integration-b", GENESYS | {"client_secret": "s", "webhook_secret": WEBHOOK_SECRET}),
    ):
        answer = await office(TENANT, "PUT", f"/v1/tenant/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "route_taken"), answer.text
        assert OTHER not in answer.text
    for method, path in (("DELETE", "whatsapp-accounts/2"), ("POST", "whatsapp-accounts/2/check")):
        assert (await office(TENANT, method, f"/v1/tenant/{path}")).status_code == 404
    assert (
        await office(TENANT, "PUT", "/v1/tenant/whatsapp-accounts/777", foreign | {"meta_app_id": "none"})
    ).status_code == 404


async def test_meta_apps_are_the_platforms_and_their_secrets_stay_inside(office: Office) -> None:
    path = "/v1/platform/meta-apps/3001"
    assert fields_of(await office(PLATFORM, "PUT", path, {"app_secret": "new-app-secret"})) == ["verify_token"]
    assert fields_of(await office(PLATFORM, "PUT", "/v1/platform/meta-apps/3%001", {})) == ["path.app_id"]
    secrets = {"app_secret": "new-app-secret", "verify_token": "new-verify"}
    for field in secrets:
        assert fields_of(await office(PLATFORM, "PUT", path, secrets | {field: "a\0b"})) == [field]
    assert (await office(PLATFORM, "PUT", path, secrets)).status_code == 200
    assert (await office(PLATFORM, "PUT", path, {"verify_token": "new-verify-2"})).status_code == 200
    listed = (await office(PLATFORM, "GET", "/v1/platform/meta-apps")).json()["items"]
    assert [each["id"] for each in listed] == ["3001", APP.id]
    assert listed[0]["webhook_path"] == "/webhooks/whatsapp/3001"
    known = await office.place.app.directory.find_meta_app("3001")
    assert known is not None
    assert (known.app_secret, known.verify_token) == ("new-app-secret", "new-verify-2")
    assert await office.audited(PLATFORM) == [
        ("meta_app.created", "meta_app:3001", {}),
        ("meta_app.changed", "meta_app:3001", {"fields": ["verify_token"]}),
    ]
    assert (await office(TENANT, "GET", "/v1/platform/meta-apps")).status_code == 403


async def test_a_check_tells_what_works_and_what_does_not(office: Office) -> None:
    number, integration = (
        f"/v1/tenant/whatsapp-accounts/{NUMBER}",
        f"/v1/tenant/genesys-integrations/{INTEGRATION}",
    )
    for path in (number, integration):
        answer = (await office(TENANT, "POST", f"{path}/check")).json()
        assert answer["ok"], answer
        assert [each["verdict"] for each in answer["findings"]][-1] == "not_checked"
    await office(TENANT, "PUT", number, ACCOUNT | {"access_token": "a-new-token"})
    await office(TENANT, "PUT", integration, GENESYS | {"client_secret": "wrong"})
    for path, word in ((number, "system user token"), (integration, "client_secret")):
        answer = (await office(TENANT, "POST", f"{path}/check")).json()
        assert not answer["ok"]
        assert word in answer["findings"][0]["advice"]


async def test_a_deletion_wants_a_suspended_tenant_and_its_name_once_more(office: Office) -> None:
    path = f"/v1/platform/tenants/{OTHER}"
    assert fields_of(await office(PLATFORM, "DELETE", path, {"confirm": TENANT})) == ["confirm"]
    assert fields_of(await office(PLATFORM, "DELETE", path, {})) == ["confirm"]
    active = await office(PLATFORM, "DELETE", path, {"confirm": OTHER})
    assert (active.status_code, active.json()["code"]) == (409, "tenant_active")
    assert (await office(PLATFORM, "POST", f"{path}/suspend")).json()["status"] == "suspended"
    deleted = await office(PLATFORM, "DELETE", path, {"confirm": OTHER})
    assert deleted.status_code == 200, deleted.text
    assert deleted.json() == {
        "id": OTHER,
        "done": True,
        "deleted": {"whatsapp_accounts": 1, "genesys_integrations": 1, "api_keys": 1},
        "left": [],
    }
    assert (await office(PLATFORM, "DELETE", path, {"confirm": OTHER})).status_code == 404
    assert (await office(OTHER, "GET", "/v1/tenant")).status_code == 401
    # Its number is free.
    taken_over = ACCOUNT | {"access_token": "t", "business_account_id": "waba-2"}
    assert (await office(TENANT, "PUT", "/v1/tenant/whatsapp-accounts/2", taken_over)).status_code == 200
