"""What a tenant's settings and accounts may be, and what a set-up has to write."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from waystate.egress import PLATFORMS, Judge, listed
from waystate.errors import BadRequest, Conflict
from waystate.ids import TenantId, new_id
from waystate.tenants.model import (
    REGIONS,
    GenesysIntegration,
    MetaApp,
    Tenant,
    TenantSettings,
    WhatsAppAccount,
    changed_accounts,
    changed_integrations,
    default_of,
    dump_stored,
    read_settings,
    sentences_of,
)


def account(number: str = "1001", **changes: Any) -> WhatsAppAccount:
    said = {
        "phone_number_id": number,
        "display_phone_number": "+1 555 0100",
        "business_account_id": "2001",
        "meta_app_id": "3001",
        "access_token": "EAAG-secret-token",
    }
    return WhatsAppAccount.model_validate(said | changes)


def integration(integration_id: str = "4001", **changes: Any) -> GenesysIntegration:
    said = {
        "integration_id": integration_id,
        "region": "mypurecloud.de",
        "client_id": "client",
        "client_secret": "very-secret-client",
        "webhook_secret": "0123456789abcdef",
    }
    return GenesysIntegration.model_validate(said | changes)


def complaints(make: Any, **said: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        make(**said)
    return sentences_of(caught.value)


def test_a_tenant_that_says_nothing_has_the_documented_settings() -> None:
    assert TenantSettings() == TenantSettings(
        correlation="genesys",
        mapping_ttl=timedelta(hours=72),
        unknown_ttl=timedelta(minutes=10),
        replay_ttl=timedelta(days=7),
        genesys_identity="contact",
    )


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in TenantSettings.model_fields.values())


def test_only_what_was_said_is_stored_so_that_defaults_can_improve() -> None:
    settings = TenantSettings(correlation="local", mapping_ttl=timedelta(hours=1))
    assert dump_stored(settings) == {"correlation": "local", "mapping_ttl": "PT1H"}
    assert read_settings(dump_stored(settings)) == settings
    assert dump_stored(TenantSettings()) == {}


def test_settings_of_a_newer_release_are_read_by_an_older_one() -> None:
    assert read_settings({"correlation": "local", "added_later": 1}) == TenantSettings(correlation="local")


def test_an_unknown_setting_is_refused_when_it_is_written() -> None:
    assert complaints(TenantSettings, corelation="local") == ["corelation: Extra inputs are not permitted"]


@pytest.mark.parametrize("tenant_id", ["", "-a", "A", "a_b", "a" * 64, "a\n", "a b"])
def test_a_tenant_id_that_is_no_slug_is_refused(tenant_id: str) -> None:
    assert complaints(Tenant, id=tenant_id, name="A") == [
        "id: must be 1 to 63 characters of a-z, 0-9 and '-', and not start with '-'"
    ]


def test_a_duration_of_nothing_is_refused() -> None:
    for nothing in ("PT0S", "-PT1H"):
        assert complaints(TenantSettings, mapping_ttl=nothing) == ["mapping_ttl: must be longer than zero"]


OTHERWISE = [
    "3 days",
    "3 days, 12:00",
    "12:30",
    "12:30:15",
    "72",
    "P",
    "PT",
    "3D",
    "P3DT",
    "P1H",
    "+P3D",
    "P-3D",
    "p3d",
    " P3D",
]


@pytest.mark.parametrize("written", [*OTHERWISE, "P3D\n", "P\u0663D", 0, 72, 3600.5, True, [], {}])
def test_a_duration_in_another_spelling_than_iso_8601_is_refused_with_an_example(written: Any) -> None:
    for setting in ("mapping_ttl", "unknown_ttl", "replay_ttl"):
        said = f'{setting}: must be an ISO 8601 duration, such as "PT72H", "PT10M" or "P7D"'
        assert complaints(TenantSettings, **{setting: written}) == [said]


def test_every_spelling_of_iso_8601_is_a_duration() -> None:
    hours = {"P3D": 72, "PT72H": 72, "P1W": 168, "P1DT2H30M": 26.5, "PT90M": 1.5, "PT1.5H": 1.5, "PT0,5H": 0.5, "PT1800S": 0.5}
    assert {each: TenantSettings(mapping_ttl=each).mapping_ttl for each in hours} == {  # type: ignore[arg-type]
        each: timedelta(hours=count) for each, count in hours.items()
    }


def test_a_duration_that_no_time_can_be_added_to_is_refused() -> None:
    for endless in ("P36526D", "P999999999D"):
        assert complaints(TenantSettings, replay_ttl=endless) == ["replay_ttl: must be at most P36525D, a hundred years"]
    assert TenantSettings(replay_ttl="P36525D").replay_ttl.days == 36_525  # type: ignore[arg-type]


def test_a_region_gives_both_addresses() -> None:
    made = integration()
    assert (made.api_url, made.login_url) == ("https://api.mypurecloud.de", "https://login.mypurecloud.de")


def test_a_given_address_stands_beside_the_derived_one() -> None:
    made = integration(api_url="http://127.0.0.1:9000/", login_url=None)
    assert (made.api_url, made.login_url) == ("http://127.0.0.1:9000", "https://login.mypurecloud.de")


@pytest.mark.parametrize("region", ["", "https://mypurecloud.de", "mypurecloud", "evil.example/x", "a b.de", "x.de\n"])
def test_a_region_that_is_no_domain_is_refused(region: str) -> None:
    said = integration().model_dump() | {"region": region}
    (complaint,) = complaints(GenesysIntegration, **said)
    assert complaint.startswith("region: must be the domain of a Genesys Cloud region, one of mypurecloud.com, ")


@pytest.mark.parametrize("region", ["mypurecloud.fr", "us-east-1", "euw3.pure.cloud", "MYPURECLOUD.DE", "api.mypurecloud.de"])
@pytest.mark.parametrize("given", [{}, {"api_url": "https://genesys.example"}, {"login_url": "https://genesys.example"}])
def test_an_unknown_region_is_refused_with_all_that_there_are(region: str, given: dict[str, str]) -> None:
    said = integration().model_dump() | {"region": region, "api_url": None, "login_url": None} | given
    (complaint,) = complaints(GenesysIntegration, **said)
    assert complaint.startswith("region: must be the domain")
    assert complaint.partition("one of ")[2].split(", ") == list(REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_may_be_called(region: str) -> None:
    made = integration(region=region)
    judge = Judge(listed([]), listed(PLATFORMS).has_name)
    for url in (made.api_url, made.login_url):
        judge.check_url("https", url.removeprefix("https://"))


def test_a_region_of_ones_own_needs_both_addresses() -> None:
    made = integration(region="simulated.local", api_url="http://localhost:1", login_url="http://localhost:2")
    assert (made.api_url, made.login_url) == ("http://localhost:1", "http://localhost:2")


@pytest.mark.parametrize(
    "url", ["http://graph.facebook.com", "ftp://x", "http://localhost.evil.example", "http://127.0.0.1@evil.example"]
)
def test_tokens_go_nowhere_without_tls_except_to_this_machine(url: str) -> None:
    assert complaints(lambda: account(api_url=url)) == [
        "api_url: must start with https:// (http:// is accepted for this machine only)"
    ]


def test_a_webhook_secret_of_fifteen_characters_is_refused_as_genesys_would() -> None:
    assert complaints(lambda: integration(webhook_secret="a" * 15)) == [
        "webhook_secret: must have at least 16 characters: Genesys refuses shorter ones"
    ]
    assert integration(webhook_secret="a" * 16).webhook_secret == "a" * 16


@pytest.mark.parametrize("number", ["+15550100", "1 555", "", "../1", ".."])
def test_a_phone_number_in_place_of_its_id_is_refused(number: str) -> None:
    assert complaints(lambda: account(number)) == [
        "phone_number_id: must be the id as the platform shows it: letters, digits, '-', '_' and '.', no spaces, no '+'"
    ]


def test_secrets_stay_out_of_what_is_printed() -> None:
    app = MetaApp(id="3001", app_secret="app-secret", verify_token="verify-secret")
    printed = f"{app!r} {app} {account()!r} {integration()!r}"
    assert "secret" not in printed
    assert "0123456789abcdef" not in printed


def test_a_complaint_does_not_repeat_the_secret_it_is_about() -> None:
    with pytest.raises(ValidationError) as caught:
        integration(webhook_secret="short-secret")
    assert "short-secret" not in f"{caught.value} {sentences_of(caught.value)}"


def test_limits_have_the_platforms_defaults() -> None:
    assert account().limits.messages_per_second == 80
    assert integration().limits.requests_per_minute == 300


def test_a_set_up_that_says_the_same_again_writes_nothing() -> None:
    assert changed_accounts([account("1"), account("2")], [account("2"), account("1")]) == []
    assert changed_integrations([integration()], [integration()]) == []


def test_a_known_number_keeps_its_id() -> None:
    old = account("1")
    (row,) = changed_accounts([old], [account("1", access_token="new")])
    assert (row.id, row.access_token) == (old.id, "new")
    old_integration = integration()
    (changed,) = changed_integrations([old_integration], [integration(client_id="other")])
    assert (changed.id, changed.client_id) == (old_integration.id, "other")


def test_an_id_of_ours_is_not_given_to_a_second_number() -> None:
    old = account("1")
    with pytest.raises(Conflict, match="Leave the id out for 2"):
        changed_accounts([old], [account("2", id=old.id)])
    with pytest.raises(Conflict, match="Leave the id out for 4002"):
        changed_integrations([first := integration()], [integration("4002", id=first.id)])


def test_a_new_default_number_ends_the_old_one() -> None:
    rows = changed_accounts([account("1", is_default=True), account("2")], [account("2", is_default=True)])
    assert [(row.phone_number_id, row.is_default) for row in rows] == [("1", False), ("2", True)]


def test_a_batch_without_a_default_leaves_the_default_alone() -> None:
    rows = changed_accounts([account("1", is_default=True)], [account("2")])
    assert [row.phone_number_id for row in rows] == ["2"]


def test_two_default_numbers_are_refused() -> None:
    with pytest.raises(BadRequest, match="Only one number can be the default, not 1, 2"):
        changed_accounts([], [account("2", is_default=True), account("1", is_default=True)])


def test_an_integration_serves_one_number() -> None:
    shared = new_id()
    with pytest.raises(Conflict, match="Make a second integration in Genesys"):
        changed_accounts([account("1", genesys_integration_id=shared)], [account("2", genesys_integration_id=shared)])


def test_an_integration_can_move_from_one_number_to_another() -> None:
    shared = new_id()
    rows = changed_accounts(
        [account("1", genesys_integration_id=shared)], [account("1"), account("2", genesys_integration_id=shared)]
    )
    assert [(row.phone_number_id, row.genesys_integration_id) for row in rows] == [("1", None), ("2", shared)]


def test_the_default_is_the_marked_number_else_the_only_active_one() -> None:
    marked, plain, off = account("1", is_default=True), account("2"), account("3", is_active=False)
    assert default_of([plain, marked, off]) is marked
    assert default_of([plain, off]) is plain
    assert default_of([plain, account("4")]) is None
    assert default_of([]) is None


def test_a_tenant_is_a_value() -> None:
    tenant = Tenant(id=TenantId("a"), name=" A ")
    assert tenant == Tenant(id=TenantId("a"), name="A", settings=TenantSettings())
    with pytest.raises(ValidationError):
        tenant.name = "B"
