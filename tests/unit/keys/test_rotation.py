"""A key's successor as values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waystate.errors import BadRequest, Conflict, Forbidden
from waystate.ids import TenantId, new_id
from waystate.keys.model import DATA_PLANE, make_key
from waystate.keys.rotation import LONGEST_OVERLAP, check_grant, rotate
from waystate.principal import ROLE_SCOPES, Role, Scope

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TENANT = TenantId("acme")
DAY = timedelta(days=1)


def test_the_successor_has_the_name_the_scopes_and_the_length_of_life() -> None:
    key, plaintext = make_key(TENANT, "bridge", NOW, NOW + 90 * DAY, scopes={Scope.STATE_READ})
    maker = new_id()
    rotation = rotate(key, NOW + 80 * DAY, DAY, created_by=maker)
    successor = rotation.successor
    assert (successor.name, successor.scopes, successor.replaces) == ("bridge", {Scope.STATE_READ}, key.id)
    assert (successor.created_by, successor.expires_at) == (maker, NOW + 170 * DAY)
    assert rotation.plaintext != plaintext
    assert rotation.ends_at == NOW + 81 * DAY


def test_the_old_key_never_works_longer_than_it_had() -> None:
    key, _ = make_key(TENANT, "bridge", NOW, NOW + DAY)
    assert rotate(key, NOW, LONGEST_OVERLAP).ends_at == NOW + DAY
    endless, _ = make_key(TENANT, "bridge", NOW)
    rotation = rotate(endless, NOW, timedelta(0))
    assert (rotation.ends_at, rotation.successor.expires_at) == (NOW, None)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), LONGEST_OVERLAP + timedelta(seconds=1)])
def test_an_overlap_has_bounds(overlap: timedelta) -> None:
    key, _ = make_key(TENANT, "bridge", NOW)
    with pytest.raises(BadRequest, match="30 days"):
        rotate(key, NOW, overlap)


def test_what_is_over_has_no_successor() -> None:
    key, _ = make_key(TENANT, "bridge", NOW, NOW + DAY)
    for ended, at in ((replace(key, revoked_at=NOW), NOW), (key, NOW + DAY)):
        with pytest.raises(Conflict, match="Create a new one"):
            rotate(ended, at, DAY)


def test_nobody_gives_what_they_do_not_hold() -> None:
    check_grant(DATA_PLANE, ROLE_SCOPES[Role.ADMIN])
    check_grant([*Scope], None)
    with pytest.raises(Forbidden, match="keys:write") as refusal:
        check_grant({Scope.STATE_READ, Scope.KEYS_WRITE}, ROLE_SCOPES[Role.SUPERVISOR])
    assert refusal.value.extra == {"scope": "keys:write"}


def test_a_key_cannot_be_made_for_longer_than_a_hundred_years() -> None:
    with pytest.raises(BadRequest, match="hundred years"):
        make_key(TENANT, "bridge", NOW, NOW + timedelta(days=40_000))
