"""What a check of an account found: one thing each, with what to do about it.

Apart, because what checks a platform and what checks all of them both speak in findings.
"""

from typing import Literal, NamedTuple

Verdict = Literal["ok", "failed", "not_checked"]


class Finding(NamedTuple):
    """`advice` is what to do, if anything. The platforms' own words stay out: they may quote a token."""

    what: str
    verdict: Verdict
    detail: str
    advice: str | None = None
