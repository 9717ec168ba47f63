"""`broker`: a RabbitMQ of this run, `mortal` the same for those who kill it. `rabbit`: Waystate's
connection to it. `names`: queues that no other test has, declared."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.databases import find_memory
from tests.servers.rabbitmq import HOW_TO_GET_IT, RabbitMQ, is_installed, rabbitmq
from waystate.broker.connection import Broker
from waystate.broker.topology import QueueNames, topology_of
from waystate.ids import new_id


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMQ]:
    if not is_installed():
        pytest.skip(HOW_TO_GET_IT)
    with tempfile.TemporaryDirectory(prefix="waystate-", dir=find_memory()) as folder, rabbitmq(Path(folder)) as server:
        yield server


@pytest.fixture
def mortal(broker: RabbitMQ) -> Iterator[RabbitMQ]:
    """The same broker, for tests that kill it; it runs again afterwards."""
    yield broker
    if not broker.is_running:
        broker.start()


@pytest.fixture
def names() -> QueueNames:
    run = new_id().hex[-12:]
    return QueueNames(
        inbound=f"in-{run}",
        outbound=f"out-{run}",
        status=f"status-{run}",
        correlation=f"correlation-{run}",
        send_results=f"results-{run}",
        events=f"events-{run}",
    )


@pytest.fixture
async def rabbit(broker: RabbitMQ, names: QueueNames) -> AsyncIterator[Broker]:
    rabbit = Broker(broker.url, names)
    await rabbit.declare(topology_of(names))
    yield rabbit
    await rabbit.close()
