"""Where Redis is, by its URL."""

import pytest

from waystate.cache.connection import Place, parse_redis_url
from waystate.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://cache.internal", Place("single", (("cache.internal", 6379),))),
        ("redis://h:1/2", Place("single", (("h", 1),), database=2)),
        ("rediss://u:p%40ss@[::1]:7/0", Place("single", (("::1", 7),), username="u", password="p@ss", with_tls=True)),
        ("redis://:secret@h", Place("single", (("h", 6379),), password="secret")),
        ("redis+sentinel://a,b:1/mymaster/3", Place("sentinel", (("a", 26379), ("b", 1)), database=3, service="mymaster")),
        ("redis+cluster://a:1,b:2,[::1]", Place("cluster", (("a", 1), ("b", 2), ("::1", 6379)))),
        ("rediss+cluster://a", Place("cluster", (("a", 6379),), with_tls=True)),
    ],
)
def test_a_url_says_where_redis_is(url: str, place: Place) -> None:
    assert parse_redis_url(url) == place


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h", "begins with 'http:'"),
        ("redis+sentinel://h:1", "no service"),
        ("redis://:s3cr3t", "a number"),
        ("redis://h/s3cr3t", "a number"),
        ("redis://h/0?s3cr3t=1", "no options"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_what_to_write_and_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        parse_redis_url(url)
    assert "REDIS_URL" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
