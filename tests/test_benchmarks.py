"""The benchmarks take minutes and run seldom: what they measure may not be renamed under them meanwhile."""

import importlib
from pathlib import Path

import pytest

from benchmarks.against import interval_of

ROOT = Path(__file__).parent.parent
MODULES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem not in ("__init__", "__main__"))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(f"benchmarks.{module}").__doc__


def test_interval_holds_what_is_so_and_leaves_out_what_is_not() -> None:
    theirs = [100.0, 104.0, 98.0, 101.0, 97.0, 103.0, 99.0]
    same = interval_of(
        [each * noise for each, noise in zip(theirs, (1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.0), strict=True)], theirs
    )
    assert same.low < 1 < same.high < 1.03
    dearer = interval_of(
        [each * noise for each, noise in zip(theirs, (1.11, 1.09, 1.1, 1.12, 1.08, 1.1, 1.1), strict=True)], theirs
    )
    assert 1.03 < dearer.low < 1.1 < dearer.high
