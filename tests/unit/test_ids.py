from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.errors import BadRequest
from waystate.ids import find_uuid, id_floor, new_id, parse_tenant_id, time_of

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("slug", ["a", "0", "demo-tenant-001", "a" * 63, "a-"])
def test_a_slug_is_a_tenant_id(slug: str) -> None:
    assert parse_tenant_id(slug) == slug


@pytest.mark.parametrize("text", ["", "-a", "A", "a" * 64, "a b", "a'", "a\n", "ä", "a_b", "a;--", "٣"])
def test_what_is_no_slug_is_refused_and_says_what_is(text: str) -> None:
    with pytest.raises(BadRequest, match="1 to 63 characters") as refused:
        parse_tenant_id(text)
    assert refused.value.code == "invalid_tenant_id"


@given(st.text())
def test_whatever_passes_is_safe_in_a_sql_literal(text: str) -> None:
    try:
        tenant = parse_tenant_id(text)
    except BadRequest:
        return
    assert set(tenant) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_new_ids_are_uuid_7_of_now_and_rise() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ids = [new_id() for _ in range(10_000)]
    assert all(type(each) is UUID and each.version == 7 for each in ids)
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert before <= time_of(ids[0]) <= time_of(ids[-1]) <= datetime.now(UTC)


@given(MOMENTS)
def test_the_floor_of_a_moment_is_below_every_id_of_its_millisecond(moment: datetime) -> None:
    floor = id_floor(moment)
    assert timedelta(0) <= moment - time_of(floor) < timedelta(milliseconds=1)
    assert id_floor(moment - timedelta(milliseconds=1)) < floor < id_floor(moment + timedelta(milliseconds=1))


def test_an_id_made_now_lies_between_the_floors_around_it() -> None:
    made = new_id()
    assert id_floor(time_of(made)) <= made < id_floor(time_of(made) + timedelta(milliseconds=1))


@pytest.mark.parametrize("text", ["", "wamid.HBgM", "919876543210", "018f0000-0000-7000-8000-00000000000g"])
def test_what_is_no_uuid_is_not_found(text: str) -> None:
    assert find_uuid(text) is None


@given(st.uuids())
def test_a_uuid_is_found_however_it_is_written(identifier: UUID) -> None:
    assert find_uuid(str(identifier)) == find_uuid(str(identifier).upper()) == find_uuid(identifier.hex) == identifier
