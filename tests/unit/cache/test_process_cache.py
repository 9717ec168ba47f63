"""The process's cache: never older than its limits, and never filled with what an invalidation has overtaken."""

from hypothesis import given
from hypothesis import strategies as st

from waystate.cache.process import ProcessCache


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cache(seconds: Seconds | None = None, *, size: int = 100, ttl: float = 5.0) -> ProcessCache[str]:
    return ProcessCache(size=size, ttl=ttl, monotonic=seconds or Seconds())


def test_an_entry_is_found_until_its_time_is_up() -> None:
    seconds = Seconds()
    each = cache(seconds)
    each.fill("key", "value", "subject", each.stamp())
    seconds.now = 4.99
    assert each.find("key") == "value"
    seconds.now = 5.0
    assert each.find("key") is None


def test_an_entry_may_end_sooner_than_the_caches_time_but_not_later() -> None:
    seconds = Seconds()
    each = cache(seconds)
    each.fill("short", "value", "subject", each.stamp(), lifetime=1.0)
    each.fill("long", "value", "subject", each.stamp(), lifetime=60.0)
    each.fill("void", "value", "subject", each.stamp(), lifetime=-1.0)
    assert [each.find(key) for key in ("short", "long", "void")] == ["value", "value", None]
    seconds.now = 1.0
    assert [each.find(key) for key in ("short", "long")] == [None, "value"]
    seconds.now = 5.0
    assert each.find("long") is None


def test_an_invalidation_drops_every_entry_of_its_subject_and_no_other() -> None:
    each = cache()
    for key, subject in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        each.fill(key, key, subject, each.stamp())
    each.invalidate("a")
    assert [each.find(key) for key in ("a1", "a2", "b1")] == [None, None, "b1"]


def test_a_fill_that_an_invalidation_has_overtaken_is_dropped() -> None:
    each = cache()
    stamp = each.stamp()
    each.invalidate("a")
    each.fill("a1", "stale", "a", stamp)
    each.fill("b1", "fresh", "b", stamp)
    assert (each.find("a1"), each.find("b1")) == (None, "fresh")
    each.fill("a1", "fresh", "a", each.stamp())
    assert each.find("a1") == "fresh"


def test_a_fill_from_before_a_clear_is_dropped() -> None:
    each = cache()
    stamp = each.stamp()
    each.fill("a1", "value", "a", stamp)
    each.clear()
    each.fill("b1", "stale", "b", stamp)
    assert (each.find("a1"), each.find("b1")) == (None, None)


def test_when_too_many_invalidations_came_in_between_the_fill_is_dropped_too() -> None:
    each = cache(size=3)
    stamp = each.stamp()
    for subject in ("a", "b", "c", "d", "e"):
        each.invalidate(subject)
    each.fill("a1", "stale", "a", stamp)
    assert each.find("a1") is None


def test_the_cache_stays_within_its_size_and_drops_the_oldest() -> None:
    each = cache(size=2)
    for key in ("a", "b", "c"):
        each.fill(key, key, key, each.stamp())
    assert [each.find(key) for key in ("a", "b", "c")] == [None, "b", "c"]


def test_a_cache_of_no_entries_keeps_nothing() -> None:
    each = cache(size=0)
    each.fill("a", "a", "a", each.stamp())
    assert each.find("a") is None


def test_a_key_that_changes_its_subject_follows_the_new_one() -> None:
    each = cache()
    each.fill("key", "old", "a", each.stamp())
    each.fill("key", "new", "b", each.stamp())
    each.invalidate("a")
    assert each.find("key") == "new"
    each.invalidate("b")
    assert each.find("key") is None


steps = st.lists(
    st.tuples(st.sampled_from(["write", "begin", "end", "clear"]), st.sampled_from("abc"), st.integers(0, 2)), max_size=60
)


@given(steps, st.integers(1, 3))
def test_whatever_the_order_nobody_is_answered_with_what_was(steps: list[tuple[str, str, int]], size: int) -> None:
    """Three readers at once, each between its read and its fill, against writers that invalidate after each write."""
    each = cache(size=size)
    truth = dict.fromkeys("abc", "0")
    readers: dict[int, tuple[str, str, int]] = {}
    for number, (step, subject, reader) in enumerate(steps, start=1):
        match step:
            case "write":
                truth[subject] = str(number)
                each.invalidate(subject)
            case "clear":
                each.clear()
            case "begin":
                readers[reader] = (subject, truth[subject], each.stamp())
            case "end" if reader in readers:
                read, value, stamp = readers.pop(reader)
                each.fill(f"key of {read}", value, read, stamp)
        for known in "abc":
            assert each.find(f"key of {known}") in (None, truth[known])
