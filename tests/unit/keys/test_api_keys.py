"""API keys as text and as values."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystate.errors import BadRequest, Unauthorized
from waystate.ids import TenantId
from waystate.keys.model import ApiKey, check_usable, make_key, matches
from waystate.tokens import parse_token

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TENANT = TenantId("demo-tenant-001")


def test_a_key_names_its_tenant_and_its_row_and_ends_in_a_secret() -> None:
    key, plaintext = make_key(TENANT, "bridge", NOW)
    presented = parse_token(plaintext)
    assert plaintext.startswith("wsk.demo-tenant-001.")
    assert (presented.tenant_id, presented.id) == (TENANT, key.id)
    assert matches(key, presented)
    assert plaintext.split(".")[3] not in repr(key)


def test_no_two_keys_are_alike() -> None:
    made = {make_key(TENANT, "bridge", NOW)[1] for _ in range(1000)}
    assert len(made) == 1000


@settings(max_examples=200, deadline=None)
@given(tenant=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True))
def test_every_tenant_has_keys_that_can_be_read_back(tenant: str) -> None:
    key, plaintext = make_key(TenantId(tenant), "any", NOW)
    assert parse_token(plaintext)[:3] == ("wsk", tenant, key.id)
    assert len(plaintext) <= 140


def test_a_typo_anywhere_is_told_apart_from_an_unknown_key() -> None:
    _, plaintext = make_key(TENANT, "bridge", NOW)
    for place in range(len(plaintext)):
        other = "B" if plaintext[place] == "A" else "A"
        with pytest.raises(Unauthorized) as caught:
            parse_token(plaintext[:place] + other + plaintext[place + 1 :])
        assert caught.value.code == "api_key_malformed"


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200))
def test_any_other_text_is_no_key(text: str) -> None:
    with pytest.raises(Unauthorized, match="Copy it again"):
        parse_token(text)


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "0", lambda key: " " + key, lambda key: key + "\n"])
def test_a_part_of_a_key_is_no_key(change: object) -> None:
    _, plaintext = make_key(TENANT, "bridge", NOW)
    assert callable(change)
    with pytest.raises(Unauthorized):
        parse_token(change(plaintext))


def test_the_key_of_another_row_does_not_match() -> None:
    key, _ = make_key(TENANT, "bridge", NOW)
    _, other = make_key(TENANT, "bridge", NOW)
    assert not matches(key, parse_token(other))


def changed(key: ApiKey, *, revoked_at: datetime | None = None, expires_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        id=key.id,
        tenant_id=key.tenant_id,
        name=key.name,
        hash=key.hash,
        created_at=key.created_at,
        revoked_at=revoked_at,
        expires_at=expires_at,
    )


def test_a_revoked_key_is_refused_by_that_name() -> None:
    key, _ = make_key(TENANT, "bridge", NOW)
    with pytest.raises(Unauthorized) as caught:
        check_usable(changed(key, revoked_at=NOW), NOW)
    assert caught.value.code == "api_key_revoked"


def test_a_key_works_until_the_moment_it_expires() -> None:
    key, _ = make_key(TENANT, "bridge", NOW)
    limited = changed(key, expires_at=NOW)
    check_usable(limited, NOW - timedelta(microseconds=1))
    with pytest.raises(Unauthorized) as caught:
        check_usable(limited, NOW)
    assert caught.value.code == "api_key_expired"


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "nul\x00"])
def test_a_key_needs_a_name(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        make_key(TENANT, name, NOW)
    assert caught.value.code == "invalid_key_name"


@pytest.mark.parametrize("expires_at", [NOW, NOW - timedelta(days=1), datetime(2030, 1, 1)])
def test_a_key_expires_in_the_future_or_never(expires_at: datetime) -> None:
    with pytest.raises(BadRequest) as caught:
        make_key(TENANT, "bridge", NOW, expires_at)
    assert caught.value.code == "invalid_expiry"
