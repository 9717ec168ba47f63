"""The page that follows one message names only what there is, and no more than one can keep in mind."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "the-way-of-a-message.md"
MOST = 50
ROW = re.compile(r"^\| `(\w+)` \| `(waystate/[\w/]+\.py)` \|", re.M)


def missing(page: str, root: Path) -> list[str]:
    """Rows whose file is not there, or does not define the name."""
    found: list[str] = []
    for name, path in ROW.findall(page):
        file = root / path
        defined = {node.name for node in ast.parse(file.read_text()).body if hasattr(node, "name")} if file.exists() else set()
        if name not in defined:
            found.append(f"{path}: {name}")
    return found


def test_every_name_on_the_way_is_where_the_page_says() -> None:
    page = PAGE.read_text()
    assert len(ROW.findall(page)) >= 30
    assert missing(page, ROOT) == []


def test_the_way_is_told_in_at_most_fifty_names() -> None:
    names = [name for name, _ in ROW.findall(PAGE.read_text())]
    assert len(names) == len(set(names)) <= MOST


def test_a_name_that_is_gone_is_found(tmp_path: Path) -> None:
    (tmp_path / "waystate").mkdir()
    (tmp_path / "waystate" / "a.py").write_text("class Here: ...\n")
    page = "| `Here` | `waystate/a.py` | x |\n| `Gone` | `waystate/a.py` | x |\n| `Here` | `waystate/b.py` | x |\n"
    assert missing(page, tmp_path) == ["waystate/a.py: Gone", "waystate/b.py: Here"]
