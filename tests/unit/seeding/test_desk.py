"""How sample people work: the same each time, and as whoever works so could have made it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from waystate.conversations.model import OPEN
from waystate.ids import TenantId
from waystate.replies.filling import find_problems
from waystate.seeding.desk import arrangement_of, worked_on
from waystate.seeding.schedule import Span
from waystate.seeding.stories import Line, Plan, story_of

TENANT = TenantId("acme")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
AGENTS = (UUID(int=1), UUID(int=2))


def test_each_seed_has_an_arrangement_of_its_own_and_the_same_one_each_time() -> None:
    made, again = arrangement_of(TENANT, 1, AGENTS, NOW), arrangement_of(TENANT, 1, (), NOW + timedelta(days=9))
    assert [each.id for each in made.queues] == [each.id for each in again.queues]
    other = arrangement_of(TENANT, 2, AGENTS, NOW)
    assert not {each.name for each in made.queues} & {each.name for each in other.queues}
    assert not {each.id for each in made.replies} & {each.id for each in other.replies}
    assert [problem for each in made.replies for problem in find_problems(each.text)] == []


def test_only_what_is_open_waits_and_nothing_is_noted_outside_of_its_conversation() -> None:
    queues = [each.id for each in arrangement_of(TENANT, 1, AGENTS, NOW).queues]
    waiting, noted = 0, 0
    for number in range(60):
        story = story_of(
            TENANT, Plan(1, 60, 20, 30), number, [Line("1001", None)], Span(NOW - timedelta(days=30), NOW, timedelta(3))
        )
        worked = worked_on(story, queues, AGENTS)
        assert worked == worked_on(story, queues, AGENTS)
        known = {each.id: each for each in story.conversations}
        for each in worked.conversations:
            assert each.waiting_since is None or known[each.id].status in OPEN
            waiting += each.waiting_since is not None
        for note in worked.notes:
            assert known[note.conversation_id].created_at <= note.at <= known[note.conversation_id].last_activity_at
            noted += 1
    assert waiting > 3
    assert noted > 3
    assert not worked_on(story, (), ()).notes
