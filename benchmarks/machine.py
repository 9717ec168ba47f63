"""What the figures were measured on: versions and sizes, but no names of machines or places."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from waystate import __version__

ROOT = Path(__file__).parents[1]


def facts() -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "Waystate": __version__,
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "Python": platform.python_version(),
        "Granian": version("granian"),
        "asyncpg": version("asyncpg"),
        "Node": _first_version("node", "--version"),
        "Redis": _first_version("redis-server", "--version"),
        "wrk": _first_version("wrk", "-v"),
    }


def label() -> str:
    """Short and speaking, for the name of the result file."""
    return f"{os.cpu_count()}cores-{platform.machine()}".lower()


def missing_programs() -> list[str]:
    return [name for name in ("wrk", "node", "npm", "redis-server", "rabbitmq-server") if shutil.which(name) is None]


def _commit() -> str:
    commit = _output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    changed = _output("git", "-C", str(ROOT), "status", "--porcelain", "--", "waystate").strip()
    if not re.fullmatch(r"[0-9a-f]{4,40}", commit):
        return "not committed yet"
    return commit + (" with changes on top" if changed else "")


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or "unknown"


def _first_version(program: str, option: str) -> str:
    if shutil.which(program) is None:
        return "not installed"
    found = re.search(r"\d+\.\d+(\.\d+)?", _output(program, option))
    return found.group(0) if found else "unknown"


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
