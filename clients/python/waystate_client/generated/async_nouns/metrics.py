"""Of `metrics`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import AsyncCaller


class AsyncMetricsNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> str:
        """Prometheus metrics"""
        return await self._caller.call("GET", "/metrics", str)
