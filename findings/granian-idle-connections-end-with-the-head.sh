#!/usr/bin/env bash
# granian 2.8.7: the time that a request's head may take is also how long an idle connection stays open.
#
# Expected: `--http1-header-read-timeout` bounds a head that has begun to arrive. How long a connection may rest between two requests is
# a time of its own in other servers (Uvicorn, Hypercorn, nginx and gunicorn have one), and here no option mentions it.
# What happens: the clock runs from the last answer on. With 2 s a connection that rests for 3 s is closed, though no byte of a head had
# been sent; with the default of 30 s it is closed after half a minute.
# Why it matters here: load balancers keep connections to a server for about 60 s and send the next webhook on one of them. A server that
# closes earlier answers some of these with a reset, which the balancer reports as 502. Whoever shortens the time against slow heads
# shortens the life of idle connections too. Waystate sets both by one setting, above 60 s, and says so.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check granian==2.8.7 || exit 2
cat >"$folder/application.py" <<'PYTHON'
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PYTHON
cd "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/granian" --interface asginl --host 127.0.0.1 --port "$port" --workers 1 --loop asyncio --http 1 \
    --http1-header-read-timeout 2000 application:app >server.log 2>&1 &
pid=$!
sleep 3
python3 - "$port" <<'PYTHON' || exit $?
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def is_open_after(seconds):
    """Whether a connection that had an answer and then rested takes a second request."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as client:
        client.sendall(REQUEST)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        time.sleep(seconds)
        try:
            client.sendall(REQUEST)
            return client.recv(4096).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False


short, long = is_open_after(1), is_open_after(3)
print(f"time for a head: 2 s. The connection took a second request after 1 s of rest: {short}, after 3 s: {long}")
sys.exit(0 if short and not long else 1)
PYTHON
echo "granian $("$folder/venv/bin/python" -c 'import granian; print(granian.__version__)'): idle connections end with the time for a head."
