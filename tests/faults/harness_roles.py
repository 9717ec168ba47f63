"""Waystate as several processes, each with one role and a service manager who starts it again; kills that are proven."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]

from tests.faults.harness_processes import DEATH, READY, Kept, answers, clean_environment, find_worker, free_port, lives, until
from tests.faults.harness_record import Strike

_LOOK = 0.02
STOP = 30.0
"""Seconds in which a process that is told to end must have ended: orchestrators commonly kill after so long."""


class RoleProcess(Kept):
    """`waystate api`, `work`, `relay` or `timers`."""

    def __init__(self, role: str, number: int, environment: Mapping[str, str], home: Path, cwd: Path) -> None:
        self.role = role
        self.name = f"{role} {number}"
        given = dict(environment)
        if role == "api":
            given["PORT"] = str(free_port())
            self.address = f"http://127.0.0.1:{given['PORT']}"
        self._said = 0
        super().__init__([role], clean_environment(given.items()), home / f"{role}-{number}.log", cwd)

    @property
    def pid(self) -> int | None:
        """Of the process that lives."""
        return None if self.process is None or self.process.poll() is not None else self.process.pid

    def start(self) -> None:
        self._said = self.log.stat().st_size if self.log.exists() else 0
        super().start()

    async def ready(self, limit: float = READY) -> int:
        """The pid of the process that has begun its work."""
        deadline = time.monotonic() + limit
        async with httpx2.AsyncClient(trust_env=False, timeout=3.0) as client:
            while time.monotonic() < deadline:
                pid = self.pid
                if pid is not None and await self._works(client, pid) and self.pid == pid:
                    return pid
                await asyncio.sleep(_LOOK)
        raise AssertionError(f"{self.name} was not ready within {limit} s; its log is {self.log}")

    async def kill(self) -> tuple[int, int, float]:
        """SIGKILL: the pid that is gone, the status that the kernel told us, and after how many seconds."""
        pid = await self.ready()
        process, started = self.process, time.monotonic()
        assert process is not None
        worker = find_worker(pid) if self.role == "api" else None  # which dies with its parent, by itself
        process.kill()
        assert await until(lambda: process.poll() is not None, DEATH), f"{self.name} {pid} survived a SIGKILL"
        assert worker is None or await until(lambda: not lives(worker), DEATH), f"{self.name}'s worker survived its parent"
        assert process.returncode == -signal.SIGKILL, f"{self.name} ended with {process.returncode} before its kill"
        return pid, process.returncode, time.monotonic() - started

    async def pause(self) -> int:
        """SIGSTOP: it keeps everything and does nothing, until `resume`."""
        pid = await self.ready()
        psutil.Process(pid).suspend()
        return pid

    def resume(self, pid: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).resume()

    async def terminate(self) -> tuple[int, int, float]:
        """SIGTERM: the pid, the exit code, and after how many seconds it had ended."""
        pid = await self.ready()
        process, started = self.process, time.monotonic()
        assert process is not None
        process.terminate()
        assert await until(lambda: process.poll() is not None, STOP), f"{self.name} {pid} had not ended {STOP} s after SIGTERM"
        return pid, process.returncode, time.monotonic() - started

    async def _works(self, client: httpx2.AsyncClient, pid: int) -> bool:
        if self.role == "api":
            return find_worker(pid) is not None and await answers(client, f"{self.address}/health/ready")
        with self.log.open("rb") as log:
            log.seek(self._said)
            return f"waystate: {self.role} runs".encode() in log.read()


class Fleet:
    """So many processes of each role, on the same servers."""

    def __init__(self, counts: Mapping[str, int], environment: Mapping[str, str], home: Path, cwd: Path) -> None:
        self.members = [
            RoleProcess(role, number, environment, home, cwd)
            for role, count in counts.items()
            for number in range(1, count + 1)
        ]

    def of(self, *roles: str) -> list[RoleProcess]:
        return [member for member in self.members if member.role in roles]

    @property
    def roles(self) -> set[str]:
        return {member.role for member in self.members}

    @property
    def pids(self) -> dict[str, int | None]:
        return {member.name: member.pid for member in self.members}

    @property
    def exits(self) -> dict[str, list[int]]:
        """Of those that ended, however that came."""
        return {member.name: member.exits for member in self.members if member.exits}

    async def run(self) -> None:
        for member in self.members:
            member.keep()
        await asyncio.gather(*(member.ready() for member in self.members))

    async def stop(self) -> None:
        await asyncio.gather(*(member.stop() for member in self.members))

    async def kill(self, member: RoleProcess, at: float) -> Strike:
        """And wait until another process does its work."""
        before, status, _ = await member.kill()
        return await _struck(member, "SIGKILL", at, before, status)

    async def terminate(self, member: RoleProcess, at: float) -> tuple[Strike, float]:
        """And how many seconds it took to end."""
        before, status, seconds = await member.terminate()
        return await _struck(member, f"SIGTERM, ended in {seconds:.2f} s", at, before, status), seconds


async def _struck(member: RoleProcess, how: str, at: float, before: int, status: int) -> Strike:
    died = time.monotonic()
    after = await member.ready()
    assert after != before, f"{member.name}: {before} works after its end"
    return Strike(what=member.name, how=how, at=at, before=before, after=after, status=status, back_in=time.monotonic() - died)


def spread(members: Sequence[RoleProcess], turns: int) -> list[RoleProcess]:
    """Everybody's turn comes equally often."""
    return [members[turn % len(members)] for turn in range(turns)]
