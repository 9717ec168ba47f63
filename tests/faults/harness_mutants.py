"""Planted bugs: copies of the package with one change each, so that the harness is known to see what it is made for."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.faults.harness import ROOT
from tests.faults.harness_processes import clean_environment


@dataclass(frozen=True, slots=True)
class Mutant:
    """`right` stands once in `module`, and becomes `wrong`."""

    name: str
    module: str
    right: str
    wrong: str

    def plant(self, folder: Path) -> Path:
        """A copy of the package in `folder`, with the bug in it; proven to be what a process started there runs."""
        # With what is compiled already: compiling it all is most of a start.
        shutil.copytree(ROOT / "waystate", folder / "waystate")
        module = folder / "waystate" / self.module
        Path(cache_from_source(module)).unlink(missing_ok=True)
        source = module.read_text()
        assert source.count(self.right) == 1, (
            f"'{self.name}' cannot be planted: {self.module} has changed; change the mutant too"
        )
        module.write_text(source.replace(self.right, self.wrong))
        assert _imported(folder) == folder / "waystate"
        return folder


NO_DEDUPE = Mutant(
    name="no dedupe",
    module="messages/store.py",
    right='    return {row["external_id"] for row in rows}, {',
    wrong="    return set(keys), {",
)
"""The key is written, and nobody looks whether it was there."""

SETTLED_FIRST = Mutant(
    name="ack first: the ledger row is done before its messages are",
    module="webhooks/work.py",
    right="        await self._work_tenants(by_tenant)",
    wrong=(
        "        async with self._db.work() as conn:\n"
        "            await ledger_store.settle_many(conn, [worked.settled() for worked in batch])\n"
        "        await self._work_tenants(by_tenant)"
    ),
)

ANSWERED_FIRST = Mutant(
    name="ack first: the webhook is answered before it is durable",
    module="webhooks/intake.py",
    right="            await asyncio.gather(",
    wrong="            asyncio.gather(",
)

SPLIT_LATE = Mutant(
    name="a body's second number waits for the first",
    module="ledger/model.py",
    right="    first = replace(first, number=numbers[0])\n    return [first, *",
    wrong="    return [first]\n    return [first, *",
)

SENT_AGAIN = Mutant(
    name="a send whose answer was lost is sent again",
    module="deliveries/retry.py",
    right="    if outcome is Outcome.UNKNOWN and claimed.target is not Target.WHATSAPP:",
    wrong="    if outcome is Outcome.UNKNOWN:",
)

OVERTAKING = Mutant(
    name="nobody waits for the customer's message before",
    module="deliveries/queries.sql",
    right="SELECT DISTINCT ON (o.order_key) ",
    wrong="SELECT ",
)


ACKNOWLEDGED_FIRST = Mutant(
    name="ack first: a queue's batch is acknowledged before it is durable",
    module="broker/consumer.py",
    right="                await self._finish(self._work(batch, is_first=is_first), window)",
    wrong=(
        "                await window.acknowledge()\n"
        "                await self._finish(self._work(batch, is_first=is_first), window)"
    ),
)

REDIS_FIRST = Mutant(
    name="Redis dedupe first: SETNX before the commit decides what is new",
    module="pipeline/run.py",
    right="    usable = [each for each in numbered if isinstance(each, InboundMessage)]",
    wrong=(
        "    import os, redis.asyncio\n"
        "    marks = redis.asyncio.from_url(os.environ['REDIS_URL'])\n"
        "    usable = [\n"
        "        each for each in numbered\n"
        "        if isinstance(each, InboundMessage) and await marks.set('seen:' + each.wamid, 1, nx=True)\n"
        "    ]\n"
        "    await marks.aclose()"
    ),
)

NOT_MANDATORY = Mutant(
    name="no mandatory: what no queue takes is confirmed and gone",
    module="broker/publisher.py",
    right="mandatory=True",
    wrong="mandatory=False",
)

CRASHING = "crashing-payload"
"""What a message's id begins with that kills its process, where one of these two is planted."""

CRASHES_ON_A_MESSAGE = Mutant(
    name="a queue message kills its process",
    module="broker/queues.py",
    right="        decoded = [self._decode(kind, delivery) for delivery in deliveries]\n        try:",
    wrong=(
        "        decoded = [self._decode(kind, delivery) for delivery in deliveries]\n"
        f"        if any(b'{CRASHING}' in delivery.body for delivery in deliveries):\n"
        "            import os, signal\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        try:"
    ),
)

CRASHES_ON_A_WEBHOOK = Mutant(
    name="a webhook kills its process",
    module="webhooks/work.py",
    right="        worked.items = len(parsed.items)",
    wrong=(
        f"        if b'{CRASHING}' in row.body:\n"
        "            import os, signal\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        worked.items = len(parsed.items)"
    ),
)


def _imported(folder: Path) -> Path:
    environment = clean_environment([("PYTHONPATH", str(folder))])
    program = "import waystate; print(waystate.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip()).parent
