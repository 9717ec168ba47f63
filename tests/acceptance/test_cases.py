"""Every case there is: an input of real reports, run on an installation of its own, with what must hold in the end."""

from pathlib import Path

import pytest

from tests.acceptance.cases.checks import Wrong, check_all
from tests.acceptance.cases.files import cases_folder, read_case
from tests.acceptance.cases.run import running

MENDED_LATER: dict[str, str] = {}
"""By file, what is wrong today. A case that holds again must leave this list."""


def paths() -> list[object]:
    folder = cases_folder()
    found = sorted(folder.glob("*.json"))
    if not found:
        reason = f"NO CASES at {folder}: set WAYSTATE_CASES to the folder of cases; none of them did run"
        return [pytest.param(folder, id="no cases", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id=path.stem, marks=expectation(path.stem)) for path in found]


def expectation(name: str) -> list[pytest.MarkDecorator]:
    """Only a check that does not hold is expected; a word that the driver does not know is an error all the same."""
    return [pytest.mark.xfail(reason=MENDED_LATER[name], raises=Wrong, strict=True)] if name in MENDED_LATER else []


@pytest.mark.parametrize("path", paths())
async def test_case_ends_as_it_should(path: Path, database_url: str, tmp_path: Path) -> None:
    case = read_case(path)
    async with running(case, database_url, tmp_path) as run:
        await check_all(run, case.checks)
