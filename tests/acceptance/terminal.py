"""`waystate …` as an operator types it, beside a server."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.acceptance.installation import MASTER_KEY, Installation


async def run_command(
    environment: Mapping[str, str], *arguments: str | bytes, stdin: str | bytes = b""
) -> tuple[int, str, str]:
    """Exit code, output, and what went to the terminal."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "waystate", *arguments),
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(stdin.encode() if isinstance(stdin, str) else stdin)
    finally:
        # Whoever waits no longer leaves nothing behind.
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode or 0, output.decode(), errors.decode()


def beside(url: str, home: Path) -> dict[str, str]:
    """The environment of an operator on the server's machine."""
    return {"WAYSTATE_HOME": str(home), "DATABASE_URL": url, "WAYSTATE_MASTER_KEY": MASTER_KEY}


@dataclass
class Terminal:
    """`command` is what every line begins with, after `waystate`."""

    place: Installation
    environment: dict[str, str]
    command: ClassVar[tuple[str, ...]] = ()

    async def run(self, *arguments: str, stdin: str | bytes = b"") -> tuple[int, str, str]:
        return await run_command(self.environment, *self.command, *arguments, stdin=stdin)

    async def output(self, *arguments: str, stdin: str | bytes = b"") -> str:
        code, output, errors = await self.run(*arguments, stdin=stdin)
        assert code == 0, errors
        return output.strip()

    async def told(self, *arguments: str, stdin: str | bytes = b"") -> Any:
        return json.loads(await self.output(*arguments, "--json", stdin=stdin))
