"""Sample data before it is written: real enough to be stored, of nobody, and the same each time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystate.conversations.model import CUSTOMER_WINDOW, OPEN
from waystate.documents import clean, clean_text, dump
from waystate.ids import TenantId, id_at, id_floor, time_of
from waystate.messages.model import Direction, Status
from waystate.messages.status import STEPS
from waystate.principal import Role
from waystate.seeding.customers import MOST, customer
from waystate.seeding.dialogues import dialogues, parse_turn
from waystate.seeding.phones import COUNTRIES, number_of, size_of
from waystate.seeding.schedule import Span
from waystate.seeding.staff import staff_of
from waystate.seeding.stories import Line, Plan, Story, story_of
from waystate.seeding.writing import merged_of

TENANT = TenantId("acme")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LINES = (Line("1001", "integration-1"), Line("1002", None))
seeds = st.integers(0, 1_000_000)


def tell(number: int, *, seed: int = 1, messages: int = 20, days: int = 30, ttl: timedelta = timedelta(hours=72)) -> Story:
    return story_of(TENANT, Plan(seed, 1, messages, days), number, LINES, Span(NOW - timedelta(days=days), NOW, ttl))


def test_even_where_conversations_last_a_minute_no_message_is_received_after_now() -> None:
    told = [tell(number, messages=1, ttl=timedelta(minutes=1)) for number in range(1000)]
    assert max(time_of(row.id) for story in told for row in story.messages) <= NOW


def statuses(story: Story) -> Counter[Status]:
    merged = merged_of(story.messages, story.reports)
    return Counter(merged[row.id][-1].state.status if row.id in merged else row.status for row in story.messages)


stories = st.builds(
    tell,
    st.integers(0, MOST - 1),
    seed=seeds,
    messages=st.integers(1, 120),
    days=st.integers(1, 365),
    ttl=st.sampled_from([timedelta(minutes=1), timedelta(hours=72), timedelta(days=400)]),
)


@given(st.sampled_from(COUNTRIES), seeds, st.data())
def test_every_number_is_a_valid_one_of_its_country(country: str, seed: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size_of(country) - 1))
    number = phonenumbers.parse("+" + number_of(country, seed, index))
    assert phonenumbers.is_valid_number(number)
    assert phonenumbers.region_code_for_number(number) == country


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_number_of_a_country_comes_twice(country: str) -> None:
    count = min(size_of(country), MOST)
    assert len({number_of(country, 7, index) for index in range(count)}) == count


def test_no_two_customers_of_a_seed_share_an_identity() -> None:
    identities = Counter(each for number in range(MOST) for each in customer(3, number).identities)
    assert max(identities.values()) == 1
    assert len(identities) > MOST


@given(seeds, st.integers(0, MOST - 1))
def test_a_customer_can_always_be_reached_and_is_nobody(seed: int, number: int) -> None:
    who = customer(seed, number)
    assert who.identities
    assert clean_text(who.name) == who.name
    assert who.email is None or (who.email.isascii() and who.email.endswith("@example.com"))
    assert who == customer(seed, number)


@settings(max_examples=60)
@given(stories)
def test_everything_in_a_story_can_be_stored(story: Story) -> None:
    for row in story.messages:
        assert row.text == clean_text(row.text or "")
        assert 0 < len(row.text) <= 4096
        assert "{" not in row.text
        for document in (row.content, row.media, row.error):
            assert clean(document) == document
            dump(document).encode()
    keys = [key for row in story.messages for key in (row.wamid, row.genesys_message_id) if key]
    ids = [row.id for row in story.messages]
    assert len(set(keys)) == len(keys)
    assert len(set(ids)) == len(ids)


@settings(max_examples=60)
@given(stories)
def test_conversations_follow_one_another_and_only_the_last_is_open(story: Story) -> None:
    earlier = story.conversations[:-1]
    assert all(each.status not in OPEN and each.closed_at is not None for each in earlier)
    for before, after in pairwise(story.conversations):
        assert before.closed_at is not None
        assert before.closed_at <= after.created_at + timedelta(seconds=1)
    for each in story.conversations:
        assert (each.closed_at is None) == (each.status in OPEN)
        assert each.closed_at is None or each.closed_at <= NOW
        assert each.status not in OPEN or each.expires_at > NOW
        assert each.version == sum(row.conversation_id == each.id for row in story.messages)


@settings(max_examples=60)
@given(stories)
def test_messages_lie_in_the_past_in_order_and_in_the_customer_window(story: Story) -> None:
    heard: datetime | None = None
    for before, after in pairwise(story.messages):
        assert time_of(before.id) <= time_of(after.id)
    for row in story.messages:
        assert row.sent_at <= time_of(row.id) + timedelta(milliseconds=1)
        assert time_of(row.id) <= NOW
        if row.direction is Direction.INBOUND:
            heard = row.sent_at
        elif row.type != "template":
            assert heard is not None
            assert row.sent_at - heard < CUSTOMER_WINDOW
        assert all(time_of(row.id) <= report.at <= NOW for report in story.reports.get(row.id, []))


@settings(max_examples=60)
@given(stories)
def test_every_status_is_reached_by_the_steps_that_messages_take(story: Story) -> None:
    for row in story.messages:
        status = row.status
        for report in story.reports.get(row.id, []):
            assert report.status == status or Status(report.status) in STEPS[status]
            status = Status(report.status)


@given(st.integers(0, MOST - 1), seeds)
def test_the_same_seed_tells_the_same_story(number: int, seed: int) -> None:
    assert tell(number, seed=seed, messages=5) == tell(number, seed=seed, messages=5)
    assert tell(number, seed=seed).contact.identities != tell(number, seed=seed + 1).contact.identities


def test_sixty_customers_show_every_state_every_kind_and_both_directions() -> None:
    told = [tell(number) for number in range(60)]
    assert {each.status for story in told for each in story.conversations} == {
        "active",
        "waiting",
        "closed",
        "expired",
        "error",
    }
    assert {status for story in told for status in statuses(story)} == set(Status)
    kinds = {row.type for story in told for row in story.messages}
    assert kinds >= {"text", "image", "audio", "video", "document", "sticker", "location", "reaction", "button", "template"}
    errors = {report.error["code"] for story in told for each in story.reports.values() for report in each if report.error}
    assert {131026, 131042} <= errors
    texts = "".join(row.text or "" for story in told for row in story.messages)
    assert all(sample in texts for sample in ("📦", "عليكم", "שלום", "ありがとう", "\n"))
    assert max(len(row.text or "") for story in told for row in story.messages) > 3000


def test_every_language_has_dialogues_that_a_customer_or_a_template_begins() -> None:
    first = [turns[0] for each in dialogues().values() for turns in each]
    assert all(turn.by_customer or turn.kind == "template" for turn in first)
    with pytest.raises(ValueError, match="this is no turn"):
        parse_turn("Hello")


@given(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,62}\Z"))
def test_staff_have_every_role_but_the_platforms_and_an_address_of_their_own(tenant: str) -> None:
    staff = staff_of(TenantId(tenant), 1_000_000)
    assert {each.role for each in staff} == set(Role) - {Role.PLATFORM}
    assert {each.status for each in staff} == {"active", "invited", "disabled"}
    assert len({each.email for each in staff}) == len(staff)
    for each in staff:
        local, _, domain = each.email.partition("@")
        assert domain == "example.com"
        assert len(local) <= 64
        assert each.email == each.email.lower()


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(0, 2**80))
def test_an_id_of_the_past_is_a_uuid7_of_its_millisecond(moment: datetime, randomness: int) -> None:
    made = id_at(moment, randomness)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert id_floor(moment) <= made < id_floor(moment + timedelta(milliseconds=1))
