#!/usr/bin/env bash
# granian 2.8.7: a second server on the same port starts, and takes part of the first one's requests.
#
# Expected: the second one ends with "Address already in use", as every server does that was not asked to share its port.
# What happens: each worker opens a socket of its own with SO_REUSEPORT, which no option switches off, so a second server of the same
# account starts without a word, and the kernel hands it its share of the connections.
# Why it matters here: a demo, an old process that was forgotten, or a deployment that starts before the last one has stopped answers half
# of the platforms' webhooks, each from a database of its own. Waystate binds by itself and hands Granian a socket that listens.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check granian==2.8.7 || exit 2
cat >"$folder/application.py" <<'PYTHON'
import os


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": os.environ["NAME"].encode()})
PYTHON
cd "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for name in first second; do
    NAME=$name "$folder/venv/bin/granian" --interface asginl --host 127.0.0.1 --port "$port" --workers 1 --loop asyncio \
        application:app >"$name.log" 2>&1 &
    pids+=($!)
    sleep 3
done
python3 - "$port" <<'PYTHON' || exit $?
import sys
from collections import Counter
from urllib.request import ProxyHandler, build_opener

opener = build_opener(ProxyHandler({}))
answers = Counter(opener.open(f"http://127.0.0.1:{sys.argv[1]}/", timeout=5).read().decode() for _ in range(200))
print(f"200 requests to one port were answered by: {dict(answers)}")
sys.exit(0 if len(answers) == 2 else 1)
PYTHON
echo "What the second one said:"
cat second.log
echo "granian $("$folder/venv/bin/python" -c 'import granian; print(granian.__version__)'): the port is shared without having been asked for."
