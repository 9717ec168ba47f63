#!/usr/bin/env bash
# openapi-python-client 0.29.1 and FastAPI 0.165.0: of a model that is both taken and answered the client lacks one side, with exit code 0.
#
# Expected: a generator of clients makes a class of every schema of the document, by the schema's name; or it fails.
# What happens: where a model of pydantic looks otherwise taken than answered (a field is written as text), FastAPI writes two schemas,
# `Card-Input` and `Card-Output`, with one `title`, Card. The generator names classes by titles, keeps the first, and leaves out the second
# with every schema that mentions it (Deck); the operation that answers a deck stays, and reads it into nothing. It warns, and its exit
# code is 0: a build that looks at that ships a client whose calls come back empty.
# Why it matters here: Waystate's document has such pairs, and its clients are made of it. That is why it has a generator of its own, which
# names classes by schemas, and a test that every operation has its method.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check openapi-python-client==0.29.1 fastapi==0.165.0 pydantic==2.14.3 2>/dev/null || exit 2
"$folder/venv/bin/python" - > "$folder/document.json" <<'PY'
import json
from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, PlainSerializer

app = FastAPI(title="Cards")


Duration = Annotated[timedelta, PlainSerializer(str, return_type=str, when_used="json")]


class Card(BaseModel):
    name: str
    lasts: Duration


class Deck(BaseModel):
    cards: list[Card]


@app.post("/cards", operation_id="addCard")
def add_card(card: Card) -> dict[str, str]:
    return {}


@app.get("/decks", operation_id="listDecks")
def list_decks() -> Deck:
    return Deck(cards=[])


print(json.dumps(app.openapi()))
PY
printf 'post_hooks: []\n' > "$folder/settings.yaml"
set +e
"$folder/venv/bin/openapi-python-client" generate --path "$folder/document.json" --config "$folder/settings.yaml" \
    --output-path "$folder/client" > "$folder/said" 2>&1
code=$?
set -e
"$folder/venv/bin/python" - "$folder" "$code" <<'PY'
import json
import sys
from pathlib import Path

folder, code = Path(sys.argv[1]), int(sys.argv[2])
schemas = json.loads((folder / "document.json").read_text())["components"]["schemas"]
titles = {name: each["title"] for name, each in schemas.items() if name.startswith("Card") or name == "Deck"}
models = sorted(path.stem for path in (folder / "client").rglob("models/*.py") if path.stem != "__init__")
calls = sorted(path.stem for path in (folder / "client").rglob("api/*/*.py") if path.stem != "__init__")
print("schemas and titles:", titles)
print("exit code:", code)
print("models made:", models)
reads = "models.deck" in next((folder / "client").rglob("list_decks.py")).read_text()
print("listDecks reads a deck:", reads)
print("operations made:", calls)
is_so = code == 0 and len(set(titles.values())) < len(titles) and "deck" not in models and not reads
raise SystemExit(0 if is_so else 1)
PY
