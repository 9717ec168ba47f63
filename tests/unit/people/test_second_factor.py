"""One-time codes."""

from datetime import timedelta
from uuid import UUID

import pyotp
import pytest

from tests.world import START
from waystate.people import second_factor
from waystate.people.second_factor import PERIOD, find_step
from waystate.vault.sealing import Unsealable, vault_of

SECRET = second_factor.new_secret()
STEP = int(START.timestamp()) // PERIOD


def code_of(offset: int) -> str:
    return str(pyotp.TOTP(SECRET).generate_otp(STEP + offset))


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_code_of_now_or_a_step_off_is_right(offset: int) -> None:
    assert find_step(SECRET, code_of(offset), START, after=0) == STEP + offset


@pytest.mark.parametrize("offset", [-2, 2, 100])
def test_a_code_of_another_time_is_not(offset: int) -> None:
    assert find_step(SECRET, code_of(offset), START, after=0) is None


def test_a_code_is_none_once_it_or_a_later_one_was_taken() -> None:
    assert find_step(SECRET, code_of(0), START, after=STEP) is None
    assert find_step(SECRET, code_of(-1), START, after=STEP) is None
    assert find_step(SECRET, code_of(1), START, after=STEP) == STEP + 1


def test_a_code_may_be_written_with_a_space_and_anything_else_is_no_code() -> None:
    assert find_step(SECRET, f" {code_of(0)[:3]} {code_of(0)[3:]}", START, after=0) == STEP
    for text in ("", "abc", "\ud800", "１２３４５６", "0" * 1000):
        assert find_step(SECRET, text, START + timedelta(days=9), after=0) is None


def test_a_secret_opens_for_its_own_person_only() -> None:
    vault = vault_of(bytes(range(32)))
    sealed = second_factor.seal(vault, UUID(int=1), SECRET)
    assert SECRET.encode() not in sealed
    assert second_factor.unseal(vault, UUID(int=1), sealed) == SECRET
    with pytest.raises(Unsealable):
        second_factor.unseal(vault, UUID(int=2), sealed)


def test_an_authenticator_reads_who_and_where_from_the_uri() -> None:
    told = second_factor.uri(SECRET, "ada@example.com")
    assert told.startswith("otpauth://totp/Waystate:ada%40example.com?")
    assert f"secret={SECRET}" in told
