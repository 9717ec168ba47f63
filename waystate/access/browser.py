"""Requests that a browser sends with its session's cookie: only from pages that may. Pure.

A cookie goes along whoever wrote the page. So what changes something must also carry the session's CSRF token, which only a
page that could read it has, and must not come from a foreign origin (OWASP, Cross-Site Request Forgery Prevention).
"""

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from waystate.access.auth import Facts
from waystate.access.sessions import csrf_token
from waystate.access.tokens import parse_token
from waystate.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def check_browser(facts: Facts, *, origins: Collection[str]) -> None:
    """`origins` may act with a cookie beside our own, such as `https://console.example.com`."""
    if facts.cookie is None or facts.method in SAFE or facts.authorization is not None or facts.api_key is not None:
        return
    origin = None if facts.origin is None else facts.origin.decode("latin-1")
    if origin is None:
        is_foreign = facts.fetch_site not in (None, b"same-origin", b"none")
    else:
        is_foreign = origin not in origins and urlsplit(origin).netloc.encode("latin-1") != (facts.host or b"-")
    if is_foreign:
        raise Forbidden(
            "origin_not_allowed", "A page of another origin sent this. Open Waystate itself, or add the origin to CORS_ORIGINS."
        )
    expected = csrf_token(parse_token(facts.cookie.decode("latin-1")).hash)
    if not hmac.compare_digest(expected.encode(), facts.csrf_token or b""):
        raise Forbidden(
            "csrf_token_required",
            "Send the session's CSRF token as X-CSRF-Token. The login's answer and GET /v1/me have it.",
        )
