"""What is heard of a group and of its people: the newest word stands, in whichever order words come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from waystate.errors import Reason
from waystate.groups.model import Group, GroupFact, GroupState, GroupWord, Participant, after_told, after_words

ANN, BOB, GROUP = UUID(int=1), UUID(int=2), UUID(int=3)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_words_end_the_same_in_any_order() -> None:
    words = [
        GroupWord(ANN, at(1), "joined"),
        GroupWord(ANN, at(2), "wrote"),
        GroupWord(ANN, at(3), "left"),
        GroupWord(ANN, at(4), "joined"),
        GroupWord(ANN, at(5), "left"),
    ]
    ends = {after_words({}, order)[ANN] for order in permutations(words)}
    assert ends == {Participant(contact_id=ANN, told_at=at(5), joined_at=at(4), left_at=at(5))}


def test_who_writes_after_they_left_is_back_and_not_by_what_they_wrote_in_that_second() -> None:
    gone = after_words({}, [GroupWord(ANN, at(1), "wrote"), GroupWord(ANN, at(3), "left"), GroupWord(ANN, at(3), "wrote")])
    assert gone[ANN].left_at == at(3)
    assert after_words(gone, [GroupWord(ANN, at(4), "wrote")])[ANN].left_at is None


def test_only_those_change_of_whom_something_is_new() -> None:
    known = after_words({}, [GroupWord(ANN, at(1), "wrote"), GroupWord(BOB, at(1), "wrote")])
    assert after_words(known, [GroupWord(ANN, at(0), "wrote")]) == {}
    assert after_words(known, [GroupWord(BOB, at(2), "left")]).keys() == {BOB}


def test_facts_end_the_same_in_any_order_and_what_is_deleted_stays_so() -> None:
    facts = [
        GroupFact(at=at(1), subject="Trip", state=GroupState.ACTIVE),
        GroupFact(at=at(2), subject="Oslo"),
        GroupFact(at=at(3), state=GroupState.SUSPENDED),
        GroupFact(at=at(4), state=GroupState.DELETED),
    ]
    ends = {after_told(Group(contact_id=GROUP, group_id="g"), order) for order in permutations(facts)}
    assert {(each.subject, each.state) for each in ends} == {("Oslo", GroupState.DELETED)}
    (deleted, *_) = ends
    assert after_told(deleted, [GroupFact(at=at(9), state=GroupState.ACTIVE)]) == deleted


@pytest.mark.parametrize("state", GroupState)
def test_a_group_that_takes_nothing_says_why(state: GroupState) -> None:
    refusal = Group(contact_id=GROUP, group_id="g", state=state).refusal()
    assert (refusal is None) == (state is GroupState.ACTIVE)
    assert refusal is None or refusal.reason is Reason.GROUP_UNAVAILABLE
