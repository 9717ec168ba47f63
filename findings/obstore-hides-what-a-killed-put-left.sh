#!/usr/bin/env bash
# obstore 0.12.1, a folder as object store: what a killed process had put half stays on the disk, and no listing shows it.
#
# Expected: an object that was not put wholly is not there, or it is listed, so that whoever sweeps the store by its listings can delete it.
# What happens: a put writes to `NAME#1` beside the object's place and renames it at the end. After a kill in between that file stays, with
# as many bytes as had come; `list` leaves such names out, and the store refuses to address them. Nothing ever takes them away.
# Why it matters here: Waystate streams customers' files into the store and promises that those of a deleted tenant are gone. Its sweep
# looks into the folder itself for such files.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
VERSION=0.12.1
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "obstore==$VERSION" || exit 2
mkdir "$folder/store"
cat > "$folder/put.py" <<'PY'
import sys
import time

from obstore.store import LocalStore

store = LocalStore(sys.argv[1])


def parts():
    for _ in range(4):
        yield b"x" * (6 << 20)
    print("half", flush=True)
    time.sleep(60)
    yield b"x"


store.put("customer/file", parts(), chunk_size=5 << 20, use_multipart=True)
PY
coproc PUT { exec "$folder/venv/bin/python" "$folder/put.py" "$folder/store"; }
pid=$PUT_PID
read -r -t 60 said <&"${PUT[0]}" || exit 2
[ "$said" = half ] || exit 2
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
"$folder/venv/bin/python" - "$folder/store" <<'PY'
import sys
from pathlib import Path

import obstore
from obstore.store import LocalStore

root = Path(sys.argv[1])
on_disk = sorted((str(path.relative_to(root)), path.stat().st_size) for path in root.rglob("*") if path.is_file())
listed = [each["path"] for page in obstore.list(LocalStore(str(root))) for each in page]
print("on the disk:", on_disk)
print("listed:", listed)
raise SystemExit(0 if on_disk and not listed else 1)
PY
