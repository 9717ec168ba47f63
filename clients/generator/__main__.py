"""`python -m clients.generator [FOLDER]`: into the client's own folder, or another."""

import json
import subprocess
import sys
from pathlib import Path

from clients.generator.models import render_models
from clients.generator.nouns import methods_of, render_nouns

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"
GENERATED = ROOT / "clients" / "python" / "waystate_client" / "generated"


def generate(folder: Path) -> None:
    """Writes the modules, laid out as all code of the project."""
    document = json.loads(DOCUMENT.read_text())
    methods = methods_of(document)
    folder.mkdir(parents=True, exist_ok=True)
    modules = {
        "__init__.py": '"""What is generated from docs/reference/openapi.json: `make clients` writes it."""\n',
        "models.py": render_models(document["components"]["schemas"]),
        "nouns.py": render_nouns(methods, is_async=False),
        "async_nouns.py": render_nouns(methods, is_async=True),
    }
    for name, text in modules.items():
        (folder / name).write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--quiet", "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(folder)]
    subprocess.run([*ruff, "check", "--fix", "--select", "I,F401", *settings], check=True)
    subprocess.run([*ruff, "format", *settings], check=True)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if sys.argv[1:] else GENERATED)
