#!/usr/bin/env bash
# granian 2.8.7: its workers run files of the current directory that are named like libraries, even where Python was told not to.
#
# Expected: under `python -P` (or PYTHONSAFEPATH=1) nothing of the current directory is imported; without it, an application of an
# installed package, started by an installed command, is not affected by where it is started.
# What happens: before the application is loaded each worker puts '' first on sys.path (granian/_internal.py, patch_pypath), so whatever
# it imports from then on is looked for in the current directory first. The application below is installed and imports `secrets`.
# Why it matters here: a server that is started in a folder which others may write to, or which simply holds a json.py, runs that file
# with its keys and its database. Waystate hands Granian a function that builds the application, which skips this.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
pid=
trap 'kill $pid 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv" 2>/dev/null || python3 -m venv "$folder/venv" || exit 2
python="$folder/venv/bin/python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer has -P." >&2; exit 2; }
"$python" -m pip install -qq --disable-pip-version-check granian==2.8.7 || exit 2
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cat >"$site/application.py" <<'PYTHON'
import secrets


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": secrets.token_hex(4).encode()})
PYTHON
mkdir "$folder/here" && cd "$folder/here"
echo 'open("ran", "w").close(); from random import SystemRandom; token_hex = lambda n: "not so secret"' >secrets.py
"$python" -P -c 'import secrets; print("python -P imports", secrets.__file__)'
test ! -e ran || { echo "Python itself ran it." >&2; exit 2; }
port=$("$python" -P -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -P -m granian --interface asginl --host 127.0.0.1 --port "$port" --workers 1 --loop asyncio application:app >log 2>&1 &
pid=$!
sleep 3
answer=$("$python" -P -c 'import sys, urllib.request as u
print(u.build_opener(u.ProxyHandler({})).open("http://127.0.0.1:" + sys.argv[1], timeout=5).read().decode())' "$port")
echo "python -P -m granian $("$python" -P -c 'import granian; print(granian.__version__)') answers: $answer"
test -e ran || { echo "It has changed: the current directory's secrets.py was not run."; exit 1; }
echo "The current directory's secrets.py was run by the worker."
