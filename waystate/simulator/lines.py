"""Background work of the simulator, and lines of it in which the order counts."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Job = Callable[[], Awaitable[None]]


class Tasks:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Lines:
    """One line per key; a job starts when the one before it is done, however often that had to be retried.

    So "in order per customer" has one meaning: the order in which Waystate took the webhooks.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._lines: dict[str, deque[Job]] = {}
        self.waiting = 0

    def append(self, key: str, job: Job) -> None:
        self.waiting += 1
        line = self._lines.get(key)
        if line is not None:
            line.append(job)
            return
        self._lines[key] = deque([job])
        self._tasks.start(self._work(key))

    async def _work(self, key: str) -> None:
        line = self._lines[key]
        try:
            while line:
                await line[0]()
                line.popleft()
                self.waiting -= 1
        finally:
            self.waiting -= len(line)
            del self._lines[key]
