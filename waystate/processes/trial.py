"""`waystate try-message`: one message of a queue, from standard input, worked as the queue's consumer would."""

import asyncio
import os
import sys

from waystate.broker.connection import Broker
from waystate.broker.publisher import Publisher
from waystate.broker.quarantine import OUTAGE, parse_trial
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import queue_names
from waystate.child import die_with_parent
from waystate.clock import utc_now
from waystate.config import Config, load_config
from waystate.db.opening import open_database
from waystate.errors import ConfigError, Retry
from waystate.pipeline.run import Runner
from waystate.tenants.routing import Directory
from waystate.vault.sealing import load_vault
from waystate.web.metrics import Metrics


def run() -> int:
    if os.environ.get("WAYSTATE_CHILD") == "1":
        die_with_parent()
    return asyncio.run(_work(load_config(), sys.stdin.buffer.read()))


async def _work(config: Config, document: bytes) -> int:
    """Look-ups that remember the customer elsewhere are put right by the events' own way to them, a moment later."""
    kind, delivery = parse_trial(document)
    if config.amqp_url is None:
        raise ConfigError("AMQP_URL is not set, so there is no queue to try a message of; set it.")
    db = await open_database(config, pool_size=2)
    broker = Broker(config.amqp_url, queue_names(config))
    publish = Publisher(broker)
    directory = Directory(db, load_vault(config))
    runner = Runner(db, Metrics(), lambda *_: None, utc_now, lanes=config.ledger_lanes)
    pipeline = QueuePipeline(db, directory, runner, lambda _: None, publish.publish_many, utc_now)
    try:
        await pipeline.work(kind, [delivery])
    except Retry:
        return OUTAGE
    finally:
        await publish.close()
        await broker.close()
        await db.close(grace=1.0)
    return 0
