"""`python -m clients.generator [FOLDER]`: into the client's own folder, or another."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from clients.generator.models import HEADER, render_models
from clients.generator.nouns import AWAITED, PLAIN, methods_of, render_nouns

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"
GENERATED = ROOT / "clients" / "python" / "waystate_client" / "generated"


def render(document: dict[str, Any]) -> dict[str, str]:
    """By the file's place in the folder."""
    methods = methods_of(document)
    packages = {
        "models": render_models(document),
        PLAIN: render_nouns(methods, is_async=False),
        AWAITED: render_nouns(methods, is_async=True),
    }
    modules = {f"{package}/{name}.py": text for package, texts in packages.items() for name, text in texts.items()}
    return {"__init__.py": HEADER.format("Models and methods."), **modules}


def modules_in(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.py"))}


def generate(folder: Path) -> None:
    """Writes the modules, laid out as all code of the project; none stays that is of no noun any more."""
    for path in modules_in(folder).values():
        path.unlink()
    for name, text in render(json.loads(DOCUMENT.read_text())).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--quiet", "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(folder)]
    subprocess.run([*ruff, "check", "--fix", "--select", "I,F401", *settings], check=True)
    subprocess.run([*ruff, "format", *settings], check=True)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if sys.argv[1:] else GENERATED)
