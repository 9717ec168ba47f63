from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import START
from waystate.errors import Forbidden
from waystate.ids import TenantId
from waystate.media.links import Links

ACME, BETA = TenantId("acme"), TenantId("beta")
LINKS = Links(bytes(32), "https://waystate.example")
FILE = uuid4()


def signed(links: Links = LINKS, variant: str = "file") -> tuple[int, str]:
    query = parse_qs(urlsplit(links.address(ACME, FILE, START, variant)).query)  # type: ignore[arg-type]
    return int(query["expires"][0]), query["signature"][0]


def test_an_address_lets_in_until_it_ends() -> None:
    expires, signature = signed()
    LINKS.check(ACME, FILE, expires, signature, START - timedelta(seconds=1))
    with pytest.raises(Forbidden) as over:
        LINKS.check(ACME, FILE, expires, signature, START)
    assert over.value.code == "address_expired"


def test_nothing_of_an_address_can_be_changed() -> None:
    expires, signature = signed()
    now = START - timedelta(days=1)
    for changed in (
        (BETA, FILE, expires, signature, now, "file"),
        (ACME, uuid4(), expires, signature, now, "file"),
        (ACME, FILE, expires + 1, signature, now, "file"),
        (ACME, FILE, expires, signature, now, "thumbnail"),
        (ACME, FILE, expires, signed(Links(bytes([1]) * 32, None))[1], now, "file"),
        (ACME, FILE, expires, "", now, "file"),
        (ACME, FILE, expires, signature[:-1] + "ä", now, "file"),
    ):
        with pytest.raises(Forbidden) as refused:
            LINKS.check(*changed)  # type: ignore[arg-type]
        assert refused.value.code == "invalid_signature"


@given(st.text(max_size=100))
def test_no_other_text_is_a_signature(text: str) -> None:
    expires, signature = signed()
    if text != signature:
        with pytest.raises(Forbidden):
            LINKS.check(ACME, FILE, expires, text, START - timedelta(days=1))


@pytest.mark.parametrize(
    ("origin", "api_url", "reaches"),
    [
        ("https://waystate.example", "https://api.mypurecloud.de", True),
        ("https://waystate.example", "http://127.0.0.1:3006/genesys", True),
        ("http://127.0.0.1:3005", "http://127.0.0.1:3006/genesys", True),
        ("http://127.0.0.1:3005", "https://api.mypurecloud.de", False),
        (None, "http://127.0.0.1:3006/genesys", False),
    ],
)
def test_a_platform_is_given_addresses_that_it_can_load(origin: str | None, api_url: str, reaches: bool) -> None:
    assert Links(bytes(32), origin).reaches(api_url) is reaches


def test_the_key_shows_in_no_log() -> None:
    assert "\\x00" not in repr(LINKS)
