"""The house rules that a program can check. Each check is a function of a source tree, and finds what is planted."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_OURS = {".venv", ".git", "__pycache__", "node_modules", "build", "dist", ".hypothesis", ".import_linter_cache"}
NOT_OURS |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"}
LAYERS = {
    "access",
    "administration",
    "api",
    "controllers",
    "domain",
    "handlers",
    "infrastructure",
    "models",
    "pipelines",
    "services",
}
LAYERS |= {"repositories", "routes", "schemas", "stores", "views"}
QUERY_MODULES = {"store.py", "outbox.py"}
"""The one module of a domain that may load its queries.sql: the store; of events, the outbox is the store."""
MODULE_LINES = 600
"""One whole noun; docs/decisions/0025."""
FUNCTION_LINES, FUNCTION_LINES_HARD, FUNCTIONS_OVER = 30, 80, 1 / 10

DATA_SQL = re.compile(
    r"\s*(SELECT\s.*\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s.*SET\s|DELETE\s+FROM\s|MERGE\s+INTO\s|WITH\s.*\sAS\s)", re.DOTALL
)
ANY_SQL = re.compile(
    rf"{DATA_SQL.pattern}|\s*(SELECT\s|BEGIN\b|COMMIT\b|ROLLBACK\b|SAVEPOINT\s|SET\s+LOCAL\s|LISTEN\s|NOTIFY\s|TRUNCATE\s|COPY\s"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|ROLE|POLICY|FUNCTION|VIEW|DATABASE)\s|GRANT\s|REVOKE\s)",
    re.DOTALL,
)
NAMED_QUERY = re.compile(r"^-- name: (\w+)", re.MULTILINE)
PLACES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|(?:ghcr|quay)\.io|--(?:extra-)?index-url|--find-links"
    r"|(?<![\w.~/-])/(?:work|root|home|Users|opt|mnt|private)/\w"
)
PLACES_ALLOWED = {
    "Makefile": "the switches of `make lock` that keep addresses out",
    "tests/test_house_rules.py": "this list",
}
TABLE_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
PATH = re.compile(r"`([\w.*/-]*(?:/|\.(?:py|sql|md|toml|yml))[\w.*/-]*)`")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")

Check = Callable[[Path], list[str]]


def test_modules_are_short() -> None:
    assert long_modules(ROOT) == []


def test_functions_are_short() -> None:
    assert long_functions(ROOT) == []


def test_a_name_means_one_thing() -> None:
    assert shared_names(ROOT) == []


def test_sql_lives_in_queries_sql() -> None:
    assert sql_in_code(ROOT) == []


def test_files_are_nouns_of_the_business() -> None:
    assert forbidden_names(ROOT) == []


def test_every_named_query_is_run_by_its_own_store_only() -> None:
    assert stray_queries(ROOT) == []


def test_nothing_of_ours_is_mocked() -> None:
    assert mocks(ROOT) == []


def test_no_registry_and_no_machine_is_named() -> None:
    assert named_places(ROOT) == []


def test_links_of_the_documents_resolve() -> None:
    assert dead_links(ROOT) == []


def test_the_table_of_contributing_names_what_is_there() -> None:
    assert lost_places(ROOT) == []


def test_waystate_is_started_as_a_child_in_one_way() -> None:
    assert other_starts(ROOT) == []


def long_modules(root: Path) -> list[str]:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files(root, "waystate", "benchmarks", "tests")}
    return [f"{path.relative_to(root)}: {lines} lines" for path, lines in lengths.items() if lines > MODULE_LINES]


def long_functions(root: Path) -> list[str]:
    lengths = {
        f"{path.relative_to(root)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in python_files(root, "waystate", "benchmarks")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    over = [place for place, lines in lengths.items() if lines > FUNCTION_LINES]
    found = (
        over if len(over) > len(lengths) * FUNCTIONS_OVER else [place for place in over if lengths[place] > FUNCTION_LINES_HARD]
    )
    return [f"{place}: {lengths[place]} lines" for place in found]


def shared_names(root: Path) -> list[str]:
    """Classes of one name in two rooms; each channel is a room of its own. A room with a layer's name holds what has none."""
    rooms: dict[str, set[str]] = {}
    for path in python_files(root, "waystate"):
        room = path.relative_to(root / "waystate").parent.as_posix()
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rooms.setdefault(node.name, set()).add(room)
    shared = [f"{name}: {', '.join(sorted(places))}" for name, places in sorted(rooms.items()) if len(places) > 1]
    named = {path.relative_to(root / "waystate").parts[0] for path in python_files(root, "waystate")}
    return shared + sorted(named & LAYERS)


def sql_in_code(root: Path) -> list[str]:
    """`db/` opens transactions, migrates and partitions, so there only statements that touch rows count."""
    database = root / "waystate" / "db"
    return [
        f"{path.relative_to(root)}:{line}: {text.strip()[:60]}"
        for path in python_files(root, "waystate")
        if database / "migrations" not in path.parents
        for line, text in texts_of(tree_of(path))
        if (DATA_SQL if database in path.parents else ANY_SQL).match(text)
    ]


def forbidden_names(root: Path) -> list[str]:
    parts = {part for path in python_files(root, "waystate", "tests", "benchmarks") for part in [path, *path.parents]}
    inside = sorted(part for part in parts if root in part.parents)
    return [str(part.relative_to(root)) for part in inside if part.stem.removeprefix("test_") in FORBIDDEN_NAMES]


def stray_queries(root: Path) -> list[str]:
    found = []
    for path in python_files(root, "waystate"):
        for call in ast.walk(tree_of(path)):
            if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "load_queries":
                if path.parent.name != "db" and path.name not in QUERY_MODULES:
                    found.append(f"{path.relative_to(root)} loads queries; only {sorted(QUERY_MODULES)} do")
                if [ast.unparse(argument) for argument in call.args] != ["__file__"]:
                    found.append(f"{path.relative_to(root)} loads the queries of another folder")
    for path in sorted((root / "waystate").rglob("queries.sql")):
        named = NAMED_QUERY.findall(path.read_text())
        run = {name for module in path.parent.glob("*.py") for name in queries_run_by(module)}
        found += [f"{path.relative_to(root)}: nothing runs {name}" for name in named if name not in run]
        found += [f"{path.parent.relative_to(root)} runs {name}, which has no query" for name in sorted(run - set(named))]
        found += [
            f"{path.relative_to(root)}: {name} is there twice" for name in sorted({n for n in named if named.count(n) > 1})
        ]
    return found


def mocks(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{node.lineno}: {ast.unparse(node)[:80]}"
        for path in python_files(root, "tests")
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Import) and any(name.name.startswith(("unittest.mock", "mock")) for name in node.names))
        or (isinstance(node, ast.ImportFrom) and f"{node.module}.{node.names[0].name}".startswith(("unittest.mock", "mock.")))
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"monkeypatch.setattr", "mock.patch", "mocker.patch"})
    ]


def named_places(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {match[0]}"
        for path in tracked_files(root)
        if str(path.relative_to(root)) not in PLACES_ALLOWED
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if (match := PLACES.search(line))
    ]


def dead_links(root: Path) -> list[str]:
    found = []
    for path in tracked_files(root):
        if path.suffix != ".md":
            continue
        for link in LINK.findall(re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)):
            place, _, anchor = link.partition("#")
            target = path.parent / place if place else path
            if re.match(r"[a-z]+:", link):
                continue
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors_of(target)):
                found.append(f"{path.relative_to(root)}: {link}")
    return found


def lost_places(root: Path) -> list[str]:
    """A path of a table in CONTRIBUTING.md is one of `waystate/` or of the project; a bare file name stands somewhere in it."""
    rows = "\n".join(TABLE_ROW.findall((root / "CONTRIBUTING.md").read_text()))
    package = root / "waystate"
    return [
        place
        for place in PATH.findall(rows)
        if not any((*package.glob(place), *root.glob(place), *(package.rglob(place) if "/" not in place else ())))
    ]


def other_starts(root: Path) -> list[str]:
    """Whoever starts Python without -P runs what the current directory holds; `child.command_of` has it."""
    return [
        f"{path.relative_to(root)}:{node.lineno}: sys.executable"
        for path in python_files(root, "waystate")
        if path.name != "child.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable"
    ]


def python_files(root: Path, *folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((root / folder).rglob("*.py")) if not NOT_OURS & {*path.parts}]


def tracked_files(root: Path) -> Iterator[Path]:
    """What git tracks or would; without git, all but what tools make."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-zco", "--exclude-standard"], capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else [str(path.relative_to(root)) for path in root.rglob("*")]
    for name in sorted(filter(None, names)):
        if (root / name).is_file() and not NOT_OURS & {*Path(name).parts}:
            yield root / name


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path)


def texts_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every literal text with its line, an f-string as one, without the docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield node.lineno, "…".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def queries_run_by(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "_queries":
            yield node.attr


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.*?)\s*$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


LINES_OF_CODE = "x = 1\n"
PLANTED: list[tuple[Check, dict[str, str]]] = [
    (long_modules, {"waystate/a.py": LINES_OF_CODE * 601}),
    (long_modules, {"tests/test_a.py": LINES_OF_CODE * 601, "waystate/b.py": LINES_OF_CODE}),
    (long_functions, {"waystate/a.py": "def a():\n" + " x = 1\n" * 80}),
    (long_functions, {"waystate/a.py": "def a():\n" + " x = 1\n" * 30 + "def b(): pass\n" * 8}),
    (shared_names, {"waystate/a/model.py": "class Letter: pass\n", "waystate/b/bodies.py": "class Letter: pass\n"}),
    (shared_names, {"waystate/services/mail.py": "class Letter: pass\n"}),
    (sql_in_code, {"waystate/a.py": 'x = f"""\n  SELECT id FROM {table} WHERE …"""'}),
    (sql_in_code, {"waystate/a.py": 'run("BEGIN; SET LOCAL ROLE waystate_app")'}),
    (sql_in_code, {"waystate/db/pool.py": 'run("DELETE FROM tenants")'}),
    (forbidden_names, {"waystate/messages/helpers.py": ""}),
    (forbidden_names, {"waystate/common/__init__.py": ""}),
    (stray_queries, {"waystate/a/queries.sql": "-- name: find_one^\nSELECT 1;"}),
    (
        stray_queries,
        {"waystate/a/store.py": "_queries.find_one(conn)", "waystate/a/queries.sql": "-- name: find_two\nSELECT 1;"},
    ),
    (stray_queries, {"waystate/a/routes.py": "_queries = load_queries(__file__)"}),
    (stray_queries, {"waystate/a/store.py": "_queries = load_queries(other.__file__)"}),
    (mocks, {"tests/test_a.py": "from unittest.mock import patch"}),
    (mocks, {"tests/test_a.py": "from unittest import mock"}),
    (mocks, {"tests/test_a.py": "def test_a(monkeypatch):\n    monkeypatch.setattr('waystate.clock.utc_now', None)"}),
    (named_places, {"requirements.lock": "--index-" + "url https://example.org/simple\n"}),
    (named_places, {"docs/a.md": "See /" + "home/someone/project."}),
    (lost_places, {"CONTRIBUTING.md": "| keys | `access/store.py` |", "waystate/keys/store.py": ""}),
    (lost_places, {"CONTRIBUTING.md": "| keys | `keys/`, `desk.py` |", "waystate/keys/store.py": ""}),
    (other_starts, {"waystate/a.py": "import sys\nrun([sys.executable, '-m', 'waystate', 'prepare'])"}),
    (dead_links, {"docs/a.md": "[there](missing.md)"}),
    (dead_links, {"docs/a.md": "# One\n[there](a.md#two)"}),
]


@pytest.mark.parametrize(("check", "files"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_violation_is_found(check: Check, files: dict[str, str], tmp_path: Path) -> None:
    plant(tmp_path, files)
    assert check(tmp_path) != []


def test_good_manners_are_left_alone(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "waystate/a/store.py": '"""SELECT is explained here."""\n_queries = load_queries(__file__)\n_queries.find_one(1)\n',
            "waystate/a/queries.sql": "-- name: find_one^\n-- Why.\nSELECT 1;\n",
            "waystate/db/pool.py": 'run("BEGIN; SET LOCAL ROLE waystate_app")\nsay("Update the settings")\n',
            "tests/test_a.py": "def test_a(monkeypatch):\n    monkeypatch.setenv('PORT', '1')\n",
            "CONTRIBUTING.md": "| you want | look in `store.py`, `a/`, `waystate/*/store.py` |\n\n`gone/store.py` was there.\n",
            "docs/a.md": "# A b\n[up](../waystate/a/store.py), [here](#a-b), [out](https://example.org), `[x](y)`, /var/lib\n",
        },
    )
    checks = [
        long_modules,
        long_functions,
        sql_in_code,
        forbidden_names,
        stray_queries,
        mocks,
        named_places,
        lost_places,
        dead_links,
    ]
    assert {check.__name__: check(tmp_path) for check in checks} == {check.__name__: [] for check in checks}


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
