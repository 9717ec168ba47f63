"""Traffic: many customers who write at a steady rate."""

import asyncio
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from waystate.documents import JsonObject
from waystate.simulator.customers import MOST, Customers
from waystate.simulator.files import CustomersFiles
from waystate.simulator.lines import Tasks
from waystate.simulator.mix import Mix, SimulatedType

_SHORTEST_PAUSE = 0.005  # so that a high rate writes in small batches instead of waking up for each message


class LoadRequest(BaseModel):
    """`rate` is messages per second of all customers together, `files` the share of them that brings a file.

    `mix` weighs what the others are. Without `total` it runs until it is stopped.
    """

    model_config = ConfigDict(extra="forbid")

    customers: int = Field(default=20, ge=1, le=MOST)
    rate: float = Field(default=2.0, gt=0, le=5000)
    files: float = Field(default=0.0, ge=0, le=1)
    total: int | None = Field(default=None, ge=1)
    mix: dict[SimulatedType, Annotated[float, Field(ge=0)]] = {"text": 1.0}

    @model_validator(mode="after")
    def _sends_something(self) -> "LoadRequest":
        if not any(self.mix.values()):
            raise ValueError("mix needs a type with a weight above 0")
        return self


class Load:
    """At most one at a time. It pauses while `most_waiting` messages wait for Waystate, so memory stays bounded."""

    def __init__(
        self, customers: Customers, files: CustomersFiles, mix: Mix, tasks: Tasks, most_waiting: int, random: Random
    ) -> None:
        self._customers = customers
        self._files = files
        self._mix = mix
        self._tasks = tasks
        self._most_waiting = most_waiting
        self._random = random
        self._task: asyncio.Task[None] | None = None
        self._request: LoadRequest | None = None
        self._written = 0

    def start(self, request: LoadRequest) -> None:
        self.stop()
        self._request, self._written = request, 0
        self._task = self._tasks.start(self._run(request))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def state(self) -> JsonObject | None:
        if self._request is None or self._task is None:
            return None
        return {**self._request.model_dump(), "written": self._written, "running": not self._task.done()}

    async def _run(self, request: LoadRequest) -> None:
        now = asyncio.get_running_loop().time
        due_at = now()
        while request.total is None or self._written < request.total:
            if self._customers.waiting() >= self._most_waiting:
                due_at = now()
            elif now() >= due_at:
                self._write(request)
                self._written += 1
                due_at += 1 / request.rate
                await asyncio.sleep(0)
                continue
            await asyncio.sleep(max(_SHORTEST_PAUSE, due_at - now()))

    def _write(self, request: LoadRequest) -> None:
        customer = self._customers.numbered(self._random.randrange(request.customers))
        if request.files and self._random.random() < request.files:
            self._files.write(customer)
            return
        message = self._mix.draw(customer.id, customer.written + 1, request.mix)
        self._mix.saw(customer.id, self._customers.write(customer, message=message).wamid, message)
