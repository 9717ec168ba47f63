"""Cases as files: inputs made of real reports, the steps in their order and what must hold in the end."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_PROJECT = Path(__file__).resolve().parents[3]
NUMBER, WABA = "200000000000001", "202290129340398"
"""The tenant's number and business account, unless the bodies name others."""

STEPS = frozenset({"whatsapp_webhook", "genesys_webhook"})
CHECKS: Mapping[str, frozenset[str]] = {
    "same_contact": frozenset(),
    "different_contact": frozenset(),
    "same_conversation": frozenset(),
    "different_conversation": frozenset(),
    "sent": frozenset({"to"}),
    "not_sent": frozenset({"to"}),
    "refused": frozenset({"code"}),
    "receipt": frozenset({"status"}),
    "no_receipt": frozenset({"status"}),
    "status": frozenset({"is"}),
    "window": frozenset({"is"}),
    "line": frozenset({"contains"}),
    "identity": frozenset({"bsuid"}),
    "no_conversation": frozenset(),
}
"""Each kind with what it asks for besides `of`."""
COMPARISONS = frozenset({"same_contact", "different_contact", "same_conversation", "different_conversation"})


class UnknownCase(Exception):
    """The case asks for what this driver does not know. It is an error, so that nobody takes it for a pass."""


@dataclass(frozen=True)
class Step:
    do: str
    body: Document


@dataclass(frozen=True)
class Check:
    """`of` are the messages it is about, or WhatsApp ids; `wants` the fields of its kind."""

    kind: str
    of: tuple[str, ...]
    wants: Document


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]

    def numbers(self) -> dict[str, str]:
        """The business numbers that WhatsApp's bodies name, each with its business account; the tenant's default one first."""
        numbers = {NUMBER: WABA}
        for step in self.steps:
            if step.do == "whatsapp_webhook":
                numbers |= dict(_numbers_in(step.body))
        return numbers


def cases_folder() -> Path:
    return Path(os.environ.get("WAYSTATE_CASES", _PROJECT.parent / "shared" / "cases"))


def read_case(path: Path) -> Case:
    return parse_case(path.stem, json.loads(path.read_bytes()))


def parse_case(name: str, document: Document) -> Case:
    """Raises `UnknownCase` for every word that is not known, and for a case that would prove nothing."""
    _allow(document, {"source", "kind", "right", "why", "steps", "checks"}, "case")
    steps = tuple(_parse_step(step) for step in document["steps"])
    checks = tuple(_parse_check(check) for check in document["checks"])
    if not steps or not checks:
        raise UnknownCase("a case has at least one step and one check")
    return Case(name, steps, checks)


def _parse_step(step: Document) -> Step:
    _allow(step, {"do", "body", "why"}, "step")
    if step["do"] not in STEPS:
        raise UnknownCase(f"nobody knows the step '{step['do']}'")
    return Step(step["do"], step["body"])


def _parse_check(check: Document) -> Check:
    kind = check["check"]
    if kind not in CHECKS:
        raise UnknownCase(f"nobody knows the check '{kind}'")
    _allow(check, {"check", "of", "why"} | CHECKS[kind], f"check '{kind}'")
    wants = {key: check[key] for key in CHECKS[kind] if key in check}
    if len(wants) < len(CHECKS[kind]):
        raise UnknownCase(f"the check '{kind}' needs {', '.join(sorted(CHECKS[kind]))}")
    of = (check["of"],) if isinstance(check["of"], str) else tuple(check["of"])
    if len(of) < (2 if kind in COMPARISONS else 1):
        raise UnknownCase(f"the check '{kind}' names too few messages")
    return Check(kind, of, wants)


def _allow(document: Document, known: set[str], what: str) -> None:
    if unknown := document.keys() - known:
        raise UnknownCase(f"a {what} with {', '.join(sorted(unknown))}, which nobody knows")


def _numbers_in(body: Document) -> Iterator[tuple[str, str]]:
    for entry in body.get("entry") or [{"changes": [body]}]:
        for change in entry.get("changes") or []:
            value = change.get("value") or {}
            for place in ("metadata", "recipient"):
                number = (value.get(place) or {}).get("phone_number_id")
                if number is not None:
                    yield str(number), entry.get("id", WABA)
