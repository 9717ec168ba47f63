"""Failures that are ordered by the number: the next sends fail with a given code, whatever they are."""

from collections import deque
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from waystate.documents import JsonObject
from waystate.simulator.refusals import GraphRefusal, render_failure


class FailureOrder(BaseModel):
    """The next `count` sends fail with `code`.

    In the `answer`: refused, nothing is sent. As a `status`: accepted, and then reported as `failed`.
    """

    model_config = ConfigDict(extra="forbid")

    code: int = Field(ge=0)
    count: int = Field(default=1, ge=1)
    told: Literal["answer", "status"] = "answer"
    title: Annotated[str, Field(min_length=1)] | None = None
    details: str = "Ordered of the simulator."
    http_status: Annotated[int, Field(ge=400, le=599)] | None = None
    """Of the answer; by default that of Meta's table."""


class Failures:
    """In the order in which they were ordered."""

    def __init__(self) -> None:
        self._orders: deque[FailureOrder] = deque()

    def add(self, order: FailureOrder) -> None:
        self._orders.append(order)

    def clear(self) -> None:
        self._orders.clear()

    def left(self) -> int:
        return sum(order.count for order in self._orders)

    def find_next(self) -> FailureOrder | None:
        """The one that befalls this send, and one less is left."""
        if not self._orders:
            return None
        order = self._orders[0]
        if order.count == 1:
            self._orders.popleft()
        else:
            self._orders[0] = order.model_copy(update={"count": order.count - 1})
        return order


def refuse(order: FailureOrder) -> GraphRefusal:
    return GraphRefusal(order.code, order.details, order.http_status, order.title)


def report(order: FailureOrder) -> JsonObject:
    return render_failure(order.code, order.details, order.title)
