"""How much of the house one message passes: `python -m tests.house` counts it, `--list` names it.

A known customer's text comes in by a signed webhook, is tracked, relayed, sent to a simulated Genesys and settled, in one
process and on a PostgreSQL of its own. Counted are the named functions of `waystate/` that run for it, their files and their
rooms; lambdas, comprehensions, the simulator, and whatever also runs while nothing comes in are taken off. Of three runs the
most counts.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import waystate
from tests.acceptance.installation import Installation, customer_message, envelope, installed_with_far_sides
from tests.databases import Databases, server_url
from waystate.db import migrate

HOUSE = Path(waystate.__file__).parent
GOALS = {"functions": 190, "files": 45, "rooms": 16}
IDLE_SECONDS = 4.0
"""Longer than every loop of the process takes to come round."""
RUNS = 3
_APART = ("simulator",)


class Passed:
    """The functions of the house that ran while it was `watching`."""

    def __init__(self) -> None:
        self.codes: set[CodeType] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call":
                self.codes.add(frame.f_code)

        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def functions(self) -> set[tuple[str, str]]:
        """(file below the house, qualified name)."""
        found: set[tuple[str, str]] = set()
        for code in self.codes:
            path = Path(code.co_filename)
            if code.co_name.startswith("<") or not path.is_relative_to(HOUSE):
                continue
            file = path.relative_to(HOUSE)
            if file.parts[0] not in _APART:
                found.add((str(file), code.co_qualname))
        return found


async def passed_by_one_message(place: Installation, number: int, idle: set[tuple[str, str]]) -> set[tuple[str, str]]:
    passed = Passed()
    with passed.watching():
        answer = await place.post_meta(envelope(customer_message(f"wamid.house.{number}", "15550100001")))
        assert answer.status_code == 200, answer.text
        await place.settled()
    trace = await place.trace(f"wamid.house.{number}")
    assert trace["status"] == "processed", trace
    return passed.functions() - idle


async def count() -> set[tuple[str, str]]:
    with server_url() as server, tempfile.TemporaryDirectory() as home, Databases(server).empty() as url:
        migrate.upgrade(url)
        async with installed_with_far_sides(url, Path(home), agent_reply_share=0.0, bsuid_only_share=0.0) as place:
            await passed_by_one_message(place, 0, set())  # from now on the customer is known
            resting = Passed()
            with resting.watching():
                await asyncio.sleep(IDLE_SECONDS)
                await place.value("SELECT 1")
            idle = resting.functions()
            await passed_by_one_message(place, 1, set())  # and what is remembered for seconds is remembered
            runs = [await passed_by_one_message(place, 2 + run, idle) for run in range(RUNS)]
    return max(runs, key=len)


def room_of(file: str) -> str:
    """The folder right below the house; a file that lies in the house itself is a room of its own."""
    return file.split("/")[0]


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.house", description=(__doc__ or "").split("\n\n")[0])
    arguments.add_argument("--list", action="store_true", help="name every function, by its file")
    wanted = arguments.parse_args()
    functions = asyncio.run(count())
    files = {file for file, _ in functions}
    figures = {"functions": len(functions), "files": len(files), "rooms": len({room_of(file) for file in files})}
    if wanted.list:
        for file in sorted(files):
            print(file, *sorted(name for each, name in functions if each == file), sep="\n    ")
    print("One inbound message to Genesys, settled:")
    for what, number in figures.items():
        print(f"  {number:4} {what:10} (goal: at most {GOALS[what]})")


if __name__ == "__main__":
    main()
