"""Passwords as argon2id hashes."""

import asyncio

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from waystate.errors import Unavailable
from waystate.people.passwords import AT_ONCE, MEMORY_KIB, MOST_WAITING, PASSES, Passwords


def cheap() -> Passwords:
    return Passwords(memory_kib=64, passes=1)


async def test_a_hash_is_argon2id_with_no_less_than_owasp_asks_for() -> None:
    stored = await Passwords().hash("correct horse")
    parameters = extract_parameters(stored)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost) == (MEMORY_KIB, PASSES)
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2


async def test_a_password_opens_its_own_hash_only() -> None:
    passwords = cheap()
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "correct  horse")
    assert not await passwords.verify("no hash at all", "correct horse")
    assert await passwords.hash("correct horse") != stored


async def test_nobody_is_checked_once_as_well_and_refused() -> None:
    passwords = cheap()
    stored = await passwords.hash("correct horse")
    for given, password in ((stored, "correct horse"), (stored, "x"), (None, "nobody's"), (None, "x")):
        before = passwords.verifications
        assert await passwords.verify(given, password) == (given is not None and password == "correct horse")
        assert passwords.verifications == before + 1


async def test_a_hash_of_weaker_days_is_outdated() -> None:
    assert Passwords().is_outdated(await cheap().hash("x"))
    assert not Passwords().is_outdated(await Passwords().hash("x"))


async def test_the_loop_runs_on_while_passwords_are_hashed() -> None:
    passwords = Passwords()
    work = asyncio.gather(*(passwords.hash("x") for _ in range(4)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10


async def test_who_comes_when_too_many_wait_is_sent_away_and_room_returns() -> None:
    passwords = cheap()
    waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(MOST_WAITING + AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.hash("x")
    for task in waiting[:50]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for _ in range(1000):
        if passwords._pending == 0:
            break
        await asyncio.sleep(0.01)
    assert await passwords.hash("x")
