"""A server that says what a test wants."""

from collections.abc import Sequence
from typing import Any

import httpx2

from waystate.customers.bodies import CUSTOMER_EXAMPLE
from waystate_client import Client


class Server:
    """Answers with each of `answers`, or breaks with it, and keeps what was asked."""

    def __init__(self, answers: Sequence[httpx2.Response | Exception]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> Client:
        return Client("http://waystate.test", "wsk.test", transport=httpx2.MockTransport(self), **options)


def customer(**fields: Any) -> dict[str, Any]:
    """As a list has one."""
    return {**CUSTOMER_EXAMPLE, "matches": {}, **fields}
