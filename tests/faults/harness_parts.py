"""The long runs in parts of an hour at the most, and the one report that all parts of a day make."""

import json
from collections.abc import Iterable
from pathlib import Path

PARTS = {
    "bugs": ("test_mutants", "test_queue_mutants", "test_proxy"),
    "kills": ("test_control_kills", "test_fleet_kills", "test_kills", "test_merges_killed", "test_mixed_numbers", "test_ticks"),
    "servers": ("test_servers_killed", "test_database_away", "test_genesys_gap"),
    "random": ("test_customers_against_a_model", "test_everything_at_random"),
    "traffic": (
        "test_crashing_payload",
        "test_dead_letters_replayed",
        "test_directory_changes",
        "test_forged_and_garbled",
        "test_genesys_budget",
        "test_large_files",
        "test_lost_answers",
        "test_media_beside_texts",
        "test_platform_faults",
        "test_revoked_token",
        "test_terminated",
    ),
    "sending": ("test_held_number", "test_sending_under_faults", "test_sends_unanswered", "test_status_runs"),
    "access": ("test_fairness", "test_idempotency_keys", "test_proofs"),
}
"""Part → its test modules. Whatever part runs, `bugs` comes first: what the harness does not see means nothing before that."""
FIRST = "bugs"


def part_of(module: str) -> str:
    """Raises `KeyError` for a module that no part has."""
    return {each: part for part, modules in PARTS.items() for each in modules}[module]


def parse_part(text: str) -> frozenset[str]:
    """The parts to run: all of them for an empty text. `ValueError` names those that there are."""
    if not text:
        return frozenset(PARTS)
    if text not in PARTS:
        raise ValueError(f"There is no part '{text}' of the long runs. Choose from: {', '.join(PARTS)}.")
    return frozenset({text, FIRST})


class Report:
    """What each part of one day came to; a part that runs again replaces what it said before."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    def add(self, sections: dict[str, str]) -> dict[str, str]:
        """Part → its sections in Markdown, in the order of `PARTS`, of all parts so far."""
        before: dict[str, str] = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        merged = before | sections
        ordered = {part: merged[part] for part in PARTS if part in merged}
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.write_text(json.dumps(ordered, indent=1))
        return ordered


def render_report(title: str, about: Iterable[str], sections: dict[str, str]) -> str:
    missing = [part for part in PARTS if part not in sections]
    lines = [f"# {title}", "", *(f"- {each}" for each in about)]
    if missing:
        lines.append(f"- not run yet: {', '.join(missing)} (`make faults PART=…`)")
    return "\n".join([*lines, "", *sections.values()])
