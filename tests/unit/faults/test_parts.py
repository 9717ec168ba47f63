"""The parts of the long runs: each module is in one, and the parts of a day make one report."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.harness_parts import FIRST, PARTS, Report, parse_part, render_report

MODULES = Path(__file__).parents[2] / "faults"


def test_every_module_of_the_long_runs_is_in_one_part() -> None:
    listed = Counter(module for modules in PARTS.values() for module in modules)
    assert set(listed) == {path.stem for path in MODULES.glob("test_*.py")}
    assert set(listed.values()) == {1}


def test_a_part_runs_after_the_planted_bugs_and_all_run_where_none_is_named() -> None:
    assert parse_part("kills") == {"kills", FIRST}
    assert parse_part("") == set(PARTS)
    with pytest.raises(ValueError, match="Choose from: bugs, kills, servers"):
        parse_part("everything")


def test_parts_of_a_day_make_one_report_and_the_later_run_of_a_part_stands(tmp_path: Path) -> None:
    kept = tmp_path / "faults.json"
    Report(kept).add({"random": "## R6 first\n"})
    merged = Report(kept).add({"kills": "## R1\n", "random": "## R6 again\n"})
    text = render_report("Faults", ["cores: 2"], merged)
    assert list(merged) == ["kills", "random"]
    assert text.index("## R1") < text.index("## R6 again")
    assert "first" not in text
    assert "not run yet: bugs, servers, traffic, sending, access" in text
