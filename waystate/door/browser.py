"""Requests that a browser sends with its session's cookie: only from pages that may. Pure.

A cookie goes along whoever wrote the page. So what changes something must also carry the session's CSRF token, which only a
page that could read it has, and must not come from a foreign origin (OWASP, Cross-Site Request Forgery Prevention).
"""

import hmac
from collections.abc import Collection

from waystate.errors import Forbidden
from waystate.people.sessions import csrf_token
from waystate.tokens import parse_token
from waystate.web.browser import SAFE, foreign_origin, is_foreign
from waystate.web.facts import Facts


def check_browser(facts: Facts, *, origins: Collection[str]) -> None:
    """`origins` may act with a cookie beside our own, such as `https://console.example.com`."""
    if facts.cookie is None or facts.method in SAFE or facts.authorization is not None or facts.api_key is not None:
        return
    if is_foreign(origin=facts.origin, fetch_site=facts.fetch_site, host=facts.host, origins=origins):
        raise foreign_origin()
    expected = csrf_token(parse_token(facts.cookie.decode("latin-1")).hash)
    if not hmac.compare_digest(expected.encode(), facts.csrf_token or b""):
        raise Forbidden(
            "csrf_token_required",
            "Send the session's CSRF token as X-CSRF-Token. The login's answer and GET /v1/me have it.",
        )
