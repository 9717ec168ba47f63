"""Which numbers are one phone written in two ways, and which are not: a table."""

import pytest

from waystate.contacts.model import Identity, IdentityKind, person_of
from waystate.contacts.spellings import as_spelled, other_spelling

PAIRS = [
    ("5511987654321", "551187654321"),
    ("5511955500101", "551155500101"),
    ("5521999990000", "552199990000"),
    ("5585961234567", "558561234567"),
    ("5215512345678", "525512345678"),
    ("5218112345678", "528112345678"),
    ("5491155500101", "541155500101"),
    ("5493511234567", "543511234567"),
    ("5492901123456", "542901123456"),
]
"""The longer spelling and the shorter one."""

ALONE = [
    *("551133334444", "5511933334444", "551123456789", "551144445555"),  # landlines of São Paulo, and what looks like one
    *("552087654321", "5500987654321", "551087654321"),  # no area codes of Brazil
    *("55119876543210", "55118765432", "5511", "55", "+5511987654321"),
    *("52551234567", "52155123456789", "521551234567", "521112345678", "52"),
    *("54115550010", "54911555001012", "5441155500101", "549155500101", "5499155500101", "54"),
    *("15550100101", "4915112345678", "9155115550101", "", "US.5511987654321", "351912345678"),
]


@pytest.mark.parametrize(("longer", "shorter"), PAIRS)
def test_either_spelling_leads_to_the_other(longer: str, shorter: str) -> None:
    assert other_spelling(longer) == shorter
    assert other_spelling(shorter) == longer


@pytest.mark.parametrize("number", ALONE)
def test_what_is_not_written_in_two_ways_has_one_spelling(number: str) -> None:
    assert other_spelling(number) is None


def test_a_number_of_another_area_is_another_phone() -> None:
    assert other_spelling("5511987654321") != "552187654321"


def phone(number: str) -> Identity:
    return Identity(IdentityKind.WA_ID, number)


def test_a_phone_that_nobody_knows_as_it_is_written_is_looked_up_by_its_other_spelling() -> None:
    ann = person_of("551187654321", "BR.1")
    (spelled,) = as_spelled([ann], {phone("5511987654321")})
    assert spelled.identities == (*ann.identities, phone("5511987654321"))
    assert as_spelled([ann], {phone("5511987654321"), phone("551187654321")}) == [ann], "the exact id first"
    assert as_spelled([ann], ()) == [ann]


def test_who_comes_later_in_a_batch_is_known_by_what_came_before() -> None:
    long, short = person_of("5511987654321", None), person_of("551187654321", None)
    first, second, third = as_spelled([long, short, short], ())
    assert first == long
    assert second.identities == (phone("551187654321"), phone("5511987654321"))
    assert third == short, "by now it is known as it is written"
