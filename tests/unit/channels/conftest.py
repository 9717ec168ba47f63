import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[3]


class Corpus:
    """Recorded and published payloads, by `channel/kind`; they are no part of the project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self, *kinds: str) -> Iterator[tuple[str, bytes]]:
        """(path inside the corpus, bytes) of every file under the kinds; a kind without files is an error of the test."""
        for kind in kinds:
            found = sorted((self._folder / kind).rglob("*.json"))
            assert found, f"the corpus has no files under {kind}"
            for path in found:
                yield str(path.relative_to(self._folder)), path.read_bytes()

    def documents(self, *kinds: str) -> Iterator[tuple[str, Any]]:
        for name, body in self.files(*kinds):
            yield name, json.loads(body)

    def one(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    folder = Path(os.environ.get("WAYSTATE_CORPUS", _ROOT.parent / "shared" / "corpus"))
    if not folder.is_dir():
        pytest.skip(f"NO CORPUS at {folder}: set WAYSTATE_CORPUS to the folder of payload files; these tests did not run")
    return Corpus(folder)


@pytest.fixture(scope="session")
def received_at() -> datetime:
    return datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
