"""`waystate …` as an operator types it, beside a server."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from tests.acceptance.installation import MASTER_KEY, Installation
from tests.servers.forked import Forked

_STOP_TIMEOUT = 15


async def run_command(
    environment: Mapping[str, str], *arguments: str | bytes, stdin: str | bytes = b""
) -> tuple[int, str, str]:
    """Exit code, output, and what went to the terminal."""
    with _typed(environment, arguments, stdin) as typed:
        process = typed.process
        process.connection.setblocking(False)
        try:
            process.told(await asyncio.get_running_loop().sock_recv(process.connection, 64))
        finally:
            # Whoever waits no longer leaves nothing behind.
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                process.wait(_STOP_TIMEOUT)
        return typed.said()


def run_and_wait(environment: Mapping[str, str], *arguments: str | bytes, timeout: float = 60) -> tuple[int, str, str]:
    """As `run_command`, for those who have no loop."""
    with _typed(environment, arguments, b"") as typed:
        typed.process.wait(timeout)
        return typed.said()


@dataclass
class _Typed:
    process: Forked
    output: BinaryIO
    errors: BinaryIO

    def said(self) -> tuple[int, str, str]:
        output, errors = (os.pread(each.fileno(), os.fstat(each.fileno()).st_size, 0) for each in (self.output, self.errors))
        return self.process.wait(0), output.decode(), errors.decode()


@contextmanager
def _typed(environment: Mapping[str, str], arguments: Sequence[str | bytes], stdin: str | bytes) -> Iterator[_Typed]:
    given, output, errors = (os.fdopen(os.memfd_create(name), "r+b", buffering=0) for name in ("in", "out", "err"))
    with given, output, errors:
        given.write(stdin.encode() if isinstance(stdin, str) else stdin)
        given.seek(0)
        environment = {"PATH": os.environ["PATH"], "COLUMNS": "200", **environment}
        files = {"stdin": given.fileno(), "stdout": output.fileno(), "stderr": errors.fileno()}
        yield _Typed(Forked(arguments, environment, **files), output, errors)


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
