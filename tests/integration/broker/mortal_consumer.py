"""A process that consumes a run's queues, told by its environment, and dies of a message that asks for it.

With the argument `try` it works the one message on its standard input.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from waystate.broker.connection import Broker
from waystate.broker.consumer import QueueMessage
from waystate.broker.consumers import QueueConsumers
from waystate.broker.publisher import Publisher
from waystate.broker.quarantine import parse_trial, try_apart
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import QueueNames
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.pipeline.run import Runner
from waystate.tenants.routing import Directory
from waystate.vault.sealing import vault_of
from waystate.web.metrics import Metrics

POISON = b"this kills"


class Mortal(QueuePipeline):
    async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
        if any(POISON in each.body for each in deliveries):
            os.kill(os.getpid(), signal.SIGKILL)
        await super().work(kind, deliveries)


async def main(program: str) -> None:
    names = QueueNames(**json.loads(os.environ["NAMES"]))
    db = await Database.open(os.environ["DATABASE_URL"], pool_size=4, statement_timeout=10)
    rabbit = Broker(os.environ["AMQP_URL"], names)
    directory = Directory(db, vault_of(bytes(range(32))))
    runner = Runner(db, Metrics(), lambda *_: None, utc_now, lanes=8)
    pipeline = Mortal(db, directory, runner, lambda _: None, Publisher(rabbit).publish_many, utc_now)
    if program == "try":
        kind, delivery = parse_trial(sys.stdin.buffer.read())
        await pipeline.work(kind, [delivery])
    else:
        apart = partial(try_apart, command=[sys.executable, "-m", __spec__.name, "try"])
        batch = int(os.environ.get("BATCH", "500"))
        consumers = QueueConsumers(rabbit, names, pipeline, db, utc_now, batch=batch, meeting=0.1, try_apart=apart)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumers.stop)
        await consumers.run()
    await rabbit.close()
    await db.close(grace=1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
