#!/usr/bin/env bash
# aiormq 7.2.4 under aio-pika 10.2.1, RabbitMQ of Debian: closing a connection that fell silent cancels the tasks that wait for it.
#
# Expected: a task that waits for a publisher's confirm while another task closes the connection gets an error of the library, as it does
# where the broker goes away or the connection is closed while the broker still answers.
# What happens: where the broker's answers do not come any more, its `await` raises `asyncio.CancelledError`, though nobody cancelled it:
# `Task.cancelling()` is 0. `except Exception` does not catch that, and whoever waits for such a task takes it for stopped.
# Why it matters here: one task that finds the connection broken gives it up for all of the process. A consumer that is "cancelled" so
# ends, and nobody begins it again: its queue stands still. Waystate tells the two apart by `Task.cancelling()`.
#
# Needs `rabbitmq-server` and `epmd` on the machine (Debian's package). Exit code 0: it is still so. 1: it has changed. 2: it could not
# be tried.
set -euo pipefail
command -v rabbitmq-server >/dev/null && command -v epmd >/dev/null || { echo "rabbitmq-server is not installed"; exit 2; }
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check aiormq==7.2.4 aio-pika==10.2.1 || exit 2
read -r port distribution mapper < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in sockets))')
server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || server=$(command -v rabbitmq-server)
echo "disk_free_limit.absolute = 50MB" >"$folder/rabbitmq.conf"
echo "[]." >"$folder/plugins"
epmd -address 127.0.0.1 -port "$mapper" >"$folder/epmd.log" 2>&1 &
pids+=($!)
env -i PATH="$PATH" HOME="$folder" ERL_EPMD_PORT="$mapper" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="finding$port@localhost" \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$distribution" RABBITMQ_MNESIA_BASE="$folder" \
    RABBITMQ_LOG_BASE="$folder" RABBITMQ_PID_FILE="$folder/pid" RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" \
    RABBITMQ_CONF_ENV_FILE="$folder/none" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" RUNNING_UNDER_SYSTEMD=true \
    "$server" >"$folder/rabbitmq.log" 2>&1 &
pids+=($!)
"$folder/venv/bin/python" - "$port" <<'PYTHON' || exit $?
import asyncio
import contextlib
import logging
import sys
import time

import aio_pika

logging.disable(logging.CRITICAL)
ends, silent = [], []


async def relay(reader, writer):
    """Between the client and the broker, so that the line can be cut."""
    answers, there = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    ends.append((writer, there))
    with contextlib.suppress(OSError):
        await asyncio.gather(carry(reader, there), carry(answers, writer))


async def carry(reader, writer):
    while chunk := await reader.read(65536):
        if writer not in silent:
            writer.write(chunk)


async def connect(port):
    deadline = time.monotonic() + 60
    while True:
        try:
            return await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/")
        except Exception:
            if time.monotonic() > deadline:
                sys.exit(2)
            await asyncio.sleep(0.5)


async def publish(channel):
    """What a task that publishes gets told when the connection ends, and whether somebody had asked it to stop."""
    try:
        while True:
            await channel.default_exchange.publish(aio_pika.Message(b"x"), routing_key="q")
    except BaseException as error:
        return type(error), asyncio.current_task().cancelling()


async def ended_by(end, port):
    connection = await connect(port)
    channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue("q", auto_delete=True, exclusive=True)
    tasks = [asyncio.create_task(publish(channel)) for _ in range(20)]
    await asyncio.sleep(0.2)
    await end(connection)
    told = await asyncio.gather(*tasks)
    return sorted({(kind.__name__, asked) for kind, asked in told}), sum(kind is asyncio.CancelledError for kind, _ in told)


async def lose(connection):
    for each in ends[-1]:
        each.transport.abort()


async def close(connection):
    await connection.close()


async def close_when_silent(connection):
    silent.append(ends[-1][0])
    await asyncio.sleep(0.2)
    await connection.close()


async def main():
    await (await connect(sys.argv[1])).close()  # it answers by now
    line = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = line.sockets[0].getsockname()[1]
    print("20 tasks that publish, (what they are told, requests to stop them):")
    cancelled = []
    for name, end in (
        ("the line is cut", lose),
        ("another task closes the connection", close),
        ("another task closes the connection, whose broker fell silent", close_when_silent),
    ):
        told, count = await ended_by(end, port)
        cancelled.append(count)
        print(f"  {name}: {told}")
    sys.exit(0 if cancelled[:2] == [0, 0] and cancelled[2] == 20 else 1)


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" -c '
from importlib.metadata import version
print("aiormq", version("aiormq"), "and aio-pika", version("aio-pika") + ": who waits is cancelled, and nobody cancelled them.")'
