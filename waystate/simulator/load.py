"""Traffic: many customers who write at a steady rate."""

import asyncio
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from waystate.documents import JsonObject
from waystate.simulator.customers import MOST, Customers
from waystate.simulator.files import CustomersFiles
from waystate.simulator.groups import MOST_MEMBERS, Groups, SimulatedGroup
from waystate.simulator.lines import Tasks
from waystate.simulator.mix import Mix, SimulatedType

_SHORTEST_PAUSE = 0.005  # so that a high rate writes in small batches instead of waking up for each message


class LoadRequest(BaseModel):
    """`rate` is messages per second of all customers together, `files` the share of them that brings a file.

    `mix` weighs what the others are. `groups`: so many WhatsApp groups of them write too, texts and files. Without `total` it
    runs until it is stopped.
    """

    model_config = ConfigDict(extra="forbid")

    customers: int = Field(default=20, ge=1, le=MOST)
    rate: float = Field(default=2.0, gt=0, le=5000)
    groups: int = Field(default=0, ge=0, le=20)
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
        self,
        customers: Customers,
        groups: Groups,
        files: CustomersFiles,
        mix: Mix,
        tasks: Tasks,
        most_waiting: int,
        random: Random,
    ) -> None:
        self._customers = customers
        self._groups = groups
        self._writing: list[SimulatedGroup] = []
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
            if self._customers.waiting() + self._groups.waiting() >= self._most_waiting:
                due_at = now()
            elif now() >= due_at:
                self._write(request)
                self._written += 1
                due_at += 1 / request.rate
                await asyncio.sleep(0)
                continue
            await asyncio.sleep(max(_SHORTEST_PAUSE, due_at - now()))

    def _write(self, request: LoadRequest) -> None:
        place = self._random.randrange(request.customers + request.groups)
        if place >= request.customers:
            self._write_in_group(place - request.customers, request)
            return
        customer = self._customers.numbered(place)
        if request.files and self._random.random() < request.files:
            self._files.write(customer)
            return
        message = self._mix.draw(customer.id, customer.written + 1, request.mix)
        self._mix.saw(customer.id, self._customers.write(customer, message=message).wamid, message)

    def _write_in_group(self, place: int, request: LoadRequest) -> None:
        """Groups of 2 to 8 people, who are customers too."""
        while len(self._writing) <= place:
            count = self._random.randint(2, MOST_MEMBERS)
            members = [
                self._customers.numbered(each) for each in self._random.sample(range(max(count, request.customers)), count)
            ]
            self._writing.append(self._groups.make(f"Simulated group {len(self._writing) + 1}", members))
        group = self._writing[place]
        if group.state != "active":
            return
        has_file = request.files > 0 and self._random.random() < request.files
        message = self._files.make() if has_file else None
        self._groups.write(group, self._random.choice(group.members), message=message)
