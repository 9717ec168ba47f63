"""A browser sends its session's cookie along whoever wrote the page: only the right pages get something done with it."""

from itertools import product

import pytest

from waystate.door.guard import check_browser
from waystate.errors import Forbidden, Refused
from waystate.ids import TenantId, new_id
from waystate.people.sessions import clear_cookie, csrf_token, set_cookie
from waystate.tokens import COOKIE, make_token, parse_token
from waystate.web.facts import Facts, facts_of

TENANT = TenantId("acme")
SESSION, HASH = make_token("wss", TENANT, new_id())
_, OTHER_HASH = make_token("wss", TENANT, new_id())
RIGHT = csrf_token(HASH).encode()
HOST = b"waystate.example.com"
LISTED = "https://console.example.com"

OWN_ORIGINS = (b"https://" + HOST, b"http://" + HOST)
FOREIGN_ORIGINS = (
    b"null",
    b"",
    b"https://evil.example",
    b"https://waystate.example.com.evil.example",
    b"https://waystate.example.com:8443",
    b"https://evil.example/waystate.example.com",
    b"https://waystate.example.com@evil.example",
    b"https://console.example.com.evil.example",
    b"http://console.example.com",
    b"https://console.example.com/",
    b"https://CONSOLE.example.com",
    b"ftp://waystate.example.com",
    b"//waystate.example.com",
    b"waystate.example.com",
    b"https://waystate.example.com https://evil.example",
    b"https://[::1",
    b"https://\xbd",
    b"\xff\xfe",
)
OWN_SITES = (None, b"same-origin", b"none")
FOREIGN_SITES = (b"cross-site", b"same-site", b"", b"SAME-ORIGIN", b"anything")
WRONG_TOKENS = (None, b"", RIGHT[:-1], RIGHT + b"=", RIGHT.swapcase(), csrf_token(OTHER_HASH).encode(), b"\xff" * 24)
SAFE = ("GET", "HEAD", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "get", "TRACE", "ANYTHING")


def refusal(**said: object) -> str | None:
    facts = Facts(path="/v1/keys", cookie=SESSION.encode(), host=HOST)._replace(**said)
    try:
        check_browser(facts, origins=frozenset({LISTED}))
    except Forbidden as refused:
        return refused.code
    return None


def test_every_combination_of_method_origin_site_and_token_has_the_answer_of_the_rules() -> None:
    origins = (None, *OWN_ORIGINS, LISTED.encode(), *FOREIGN_ORIGINS)
    tried = 0
    for method, origin, site, token in product(SAFE + UNSAFE, origins, OWN_SITES + FOREIGN_SITES, (RIGHT, *WRONG_TOKENS)):
        answer = refusal(method=method, origin=origin, fetch_site=site, csrf_token=token)
        tried += 1
        if method in SAFE:
            assert answer is None
        elif origin in FOREIGN_ORIGINS or (origin is None and site in FOREIGN_SITES):
            assert answer == "origin_not_allowed", (method, origin, site, token)
        elif token != RIGHT:
            assert answer == "csrf_token_required", (method, origin, site, token)
        else:
            assert answer is None, (method, origin, site, token)
    assert tried == len(SAFE + UNSAFE) * len(origins) * 8 * 8


@pytest.mark.parametrize("host", [None, b""])
@pytest.mark.parametrize("origin", [b"null", b"", b"https://", b"http://", b"https://-"])
def test_without_a_host_no_origin_is_our_own(host: bytes | None, origin: bytes) -> None:
    assert refusal(method="POST", host=host, origin=origin, csrf_token=RIGHT) == "origin_not_allowed"


def test_a_port_is_part_of_the_origin() -> None:
    said = {"method": "POST", "host": b"localhost:3005", "csrf_token": RIGHT}
    assert refusal(origin=b"http://localhost:3005", **said) is None
    for other in (b"http://localhost:3006", b"http://localhost", b"http://127.0.0.1:3005"):
        assert refusal(origin=other, **said) == "origin_not_allowed"


@pytest.mark.parametrize("header", ["authorization", "api_key"])
def test_a_credential_in_a_header_was_put_there_by_a_program_and_needs_no_token(header: str) -> None:
    said = {header: b"Bearer wsk.x", "method": "POST", "origin": b"https://evil.example"}
    assert refusal(**said) is None


def test_without_a_session_there_is_nothing_to_misuse() -> None:
    assert refusal(method="POST", cookie=None, origin=b"https://evil.example") is None


@pytest.mark.parametrize("cookie", [b"", b"x", b"\xff", b"wss.acme.x.y"])
def test_a_cookie_that_is_no_session_is_refused_and_never_a_fault(cookie: bytes) -> None:
    with pytest.raises(Refused) as refused:
        check_browser(Facts("/v1/keys", "POST", host=HOST, cookie=cookie, csrf_token=RIGHT), origins=())
    assert refused.value.status == 401


def test_a_token_is_of_one_session_and_says_nothing_of_it() -> None:
    assert csrf_token(HASH) == csrf_token(parse_token(SESSION).hash)
    assert csrf_token(HASH) != csrf_token(OTHER_HASH)
    assert len(csrf_token(HASH)) == 24
    assert csrf_token(HASH) not in SESSION


def test_the_sessions_cookie_is_bound_to_the_host_and_hidden_from_scripts() -> None:
    assert COOKIE.startswith("__Host-")
    for cookie, value, age in ((set_cookie(SESSION), SESSION, 43200), (clear_cookie(), "", 0)):
        written, *attributes = cookie.split("; ")
        assert written == f"{COOKIE}={value}"
        # `__Host-` wants Secure, Path=/ and no Domain; else browsers drop the cookie.
        assert sorted(attributes) == ["HttpOnly", f"Max-Age={age}", "Path=/", "SameSite=Lax", "Secure"]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"{COOKIE}={SESSION}", SESSION),
        (f"a=b; {COOKIE}={SESSION}; c=d", SESSION),
        (f"{COOKIE}-login=x; {COOKIE}={SESSION}", SESSION),
        (f"{COOKIE}-login=x", None),
        (f"x{COOKIE}={SESSION}", None),
        (f"waystate={SESSION}; __Secure-waystate={SESSION}", None),
        ("", None),
    ],
    ids=["alone", "between others", "after a longer name", "a longer name", "a name that ends alike", "other prefixes", "none"],
)
def test_no_other_cookie_is_taken_for_the_sessions(header: str, found: str | None) -> None:
    scope = {"type": "http", "path": "/v1/me", "method": "GET", "client": None, "headers": [(b"cookie", header.encode())]}
    assert facts_of(scope).cookie == (None if found is None else found.encode())
