#!/usr/bin/env bash
# aiormq 7.2.4 under aio-pika 10.2.1, RabbitMQ of Debian: of two messages with one `message_id` that no queue takes, one counts as confirmed.
#
# Expected: publishing with `mandatory` and publisher confirms tells of every message by itself, since the broker answers each by its
# delivery tag: both calls raise that the message was returned.
# What happens: the client keeps returned messages by their `message_id` until the confirmation comes. Two under way at once share one
# place, so the first confirmation takes the return with it, and the second call ends as if a queue had the message.
# Why it matters here: an event keeps its id when it is published again, and two processes' batches can meet on one channel. A lost event
# would count as published. Waystate has no two messages of one id under way at once.
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
import logging
import sys
import time

import aio_pika
from aio_pika.exceptions import DeliveryError

logging.disable(logging.CRITICAL)
URL = f"amqp://guest:guest@127.0.0.1:{sys.argv[1]}/"


async def connect():
    deadline = time.monotonic() + 60
    while True:
        try:
            return await aio_pika.connect(URL)
        except Exception:
            if time.monotonic() > deadline:
                sys.exit(2)
            await asyncio.sleep(0.5)


async def confirmed_of_two(channel, ids):
    """How many of two messages that no queue takes count as confirmed."""
    messages = [aio_pika.Message(b"lost", message_id=each) for each in ids]
    calls = [channel.default_exchange.publish(each, routing_key="no-such-queue", mandatory=True) for each in messages]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return sum(not isinstance(each, DeliveryError) for each in answers)


async def main():
    async with await connect() as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        different = [await confirmed_of_two(channel, (f"a{n}", f"b{n}")) for n in range(20)]
        same = [await confirmed_of_two(channel, (f"c{n}", f"c{n}")) for n in range(20)]
    print(f"20 pairs with ids of their own: {sum(different)} of 40 messages that no queue took counted as confirmed")
    print(f"20 pairs with one id each: {sum(same)} of 40")
    sys.exit(0 if sum(different) == 0 and sum(same) > 0 else 1)


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" -c '
from importlib.metadata import version
print("aiormq", version("aiormq"), "and aio-pika", version("aio-pika") + ": a returned message of the same id is confirmed.")'
