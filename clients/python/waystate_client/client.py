"""`Client` and `AsyncClient`: where the server is, who calls, and a noun of methods for each of its nouns."""

import os
from types import TracebackType
from typing import Any, Self

import httpx2

from waystate_client.calls import AsyncCaller, Caller, Retries
from waystate_client.generated.async_nouns import AsyncNouns
from waystate_client.generated.nouns import Nouns

URL, KEY = "WAYSTATE_URL", "WAYSTATE_KEY"
VERSION = "0.1.0"


def _options(url: str | None, key: str | None, tenant: str | None, timeout: float) -> dict[str, Any]:
    where, bearer = url or os.environ.get(URL), key or os.environ.get(KEY)
    if not where:
        raise ValueError(f"Where is Waystate? Say Client('http://127.0.0.1:3005', …), or set {URL}.")
    if not where.startswith(("http://", "https://")):
        raise ValueError(f"{where!r} is no address of Waystate: it begins with http:// or https://.")
    headers = {"user-agent": f"waystate-client/{VERSION}", "accept": "application/json, application/problem+json, */*"}
    if bearer:
        try:
            bearer.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("The key has characters that no key has, such as '…': put your own there.") from None
        headers["authorization"] = f"Bearer {bearer.strip()}"
    if tenant:
        headers["x-tenant-id"] = tenant
    return {"base_url": where, "headers": headers, "timeout": timeout, "follow_redirects": False}


class Client(Nouns):
    """`key` is an API key or a session's token; without them, WAYSTATE_URL and WAYSTATE_KEY say where and who.

    `tenant` is for a neighbour in trusted mode, which has no key. `timeout` is in seconds, of each try; `retries` is how often
    a call is tried again after 429, 503 and lost connections, waiting `longest_wait` seconds at the most. Threads may share it.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        tenant: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        longest_wait: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(**_options(url, key, tenant, timeout), transport=transport)
        self._caller = Caller(self._http, Retries(retries, longest_wait))
        super().__init__(self._caller)

    def request(self, method: str, path: str, **given: Any) -> Any:
        """The JSON of an operation that this version has no method for: `request("GET", "/v1/…", query={…})`, `body={…}`."""
        return self._caller.call(method, path, "json", **{"is_keyed": method != "GET", **given})

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class AsyncClient(AsyncNouns):
    """As `Client`, awaited, in one event loop."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        tenant: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        longest_wait: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(**_options(url, key, tenant, timeout), transport=transport)
        self._caller = AsyncCaller(self._http, Retries(retries, longest_wait))
        super().__init__(self._caller)

    async def request(self, method: str, path: str, **given: Any) -> Any:
        """The JSON of an operation that this version has no method for."""
        return await self._caller.call(method, path, "json", **{"is_keyed": method != "GET", **given})

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()
