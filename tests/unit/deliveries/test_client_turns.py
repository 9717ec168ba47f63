"""Tenants that send through one OAuth client take turns where there is less room than all of them want."""

from datetime import UTC, datetime, timedelta

from waystate.deliveries.clients import PATIENT, Turns
from waystate.ids import TenantId

A, B = TenantId("a"), TenantId("b")
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_two_that_want_all_of_it_get_it_in_turns() -> None:
    turns, got = Turns(), {A: 0, B: 0}
    for tick in range(100):
        room = 1
        for tenant in (A, B):
            taken = turns.share(tenant, room, NOW + timedelta(milliseconds=100 * tick))
            got[tenant] += taken
            room -= taken
    assert got == {A: 50, B: 50}


def test_who_is_alone_gets_all_of_it() -> None:
    turns = Turns()
    assert [turns.share(A, 3, NOW) for _ in range(3)] == [3, 3, 3]


def test_who_asked_once_and_went_keeps_nobody_waiting() -> None:
    turns = Turns()
    assert (turns.share(A, 1, NOW), turns.share(B, 0, NOW), turns.share(A, 1, NOW)) == (1, 0, 0)
    assert turns.share(A, 1, NOW + PATIENT) == 1


def test_much_room_is_shared_and_not_kept_back() -> None:
    turns = Turns()
    turns.share(A, 5, NOW)
    turns.share(B, 0, NOW)
    assert (turns.share(A, 5, NOW), turns.share(B, 1, NOW)) == (4, 1)
