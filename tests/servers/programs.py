"""What tests and benchmarks start from PATH, and how to get it."""

import os
import shutil
from pathlib import Path

import pytest

PURPOSES = {
    "rabbitmq-server": "queues in, events out",
    "redis-server": "the shared cache",
    "postgres": "an external database; the embedded one comes with Waystate",
    "wrk": "load for `make bench`",
}
_ELSEWHERE = {"postgres": "lib/postgresql/*/bin", "rabbitmq-server": "lib/rabbitmq/bin"}
"""Below /usr: where Debian keeps them when they are not on everybody's PATH."""


def find_program(name: str) -> Path | None:
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    places = sorted(Path("/usr").glob(f"{_ELSEWHERE[name]}/{name}")) if name in _ELSEWHERE else []
    usable = [place for place in places if os.access(place, os.X_OK)]
    return usable[-1] if usable else None


def get_program(name: str) -> Path:
    """Skips the test where there is none; the run's last lines say so."""
    found = find_program(name)
    if found is None:
        pytest.skip(f"there is no {name} here: `make deps` installs it")
    return found


def list_missing() -> dict[str, str]:
    return {name: purpose for name, purpose in PURPOSES.items() if find_program(name) is None}
