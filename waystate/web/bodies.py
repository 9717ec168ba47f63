"""Reading the bodies of requests: each within its size and its time, all of them together within the memory they may hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any

from waystate.errors import BadRequest, TooLarge, Unavailable
from waystate.web.problems import BODY_TOO_LARGE, TooSlow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HELD = 64 * 2**20
"""Bytes of all bodies together that are still arriving; callers without a credential must not fill the memory with them."""
DRAINED = 64 * 2**20
"""Bytes of a refused body that are read and thrown away, at most: as many as any installation may take."""
DRAIN_TIME = 5.0
QUIET = 1.0
"""Seconds: a refused body is read for so long, and until its sender rests for so long."""
_BODILESS = frozenset({"GET", "HEAD"})
"""Methods whose bodies mean nothing (RFC 9110, 9.3): nobody waits for one."""
_LOOK = 1.0
"""Seconds between looks for bodies that are late, at most; a shorter time to read is looked at four times."""


class BrokenOff(BadRequest):
    """The body ended before its end: malformed chunks, or a client that sends no more and may still read, or that is gone.

    ASGI says `http.disconnect` of all three. Granian answers 500 where the application says nothing.
    """

    def __init__(self) -> None:
        super().__init__("incomplete_body", "The body broke off, or its chunks are malformed (RFC 9112, 7.1). Send it whole.")


class Bodies:
    """Of one process. One timer watches all that are arriving: one each costs a small request more than the reading itself."""

    __slots__ = ("_arriving", "_held", "_timeout", "_timer")

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._held = 0
        self._arriving: set[_Arrival] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes. Raises TooLarge without reading on, TooSlow, BrokenOff."""
        if self._timeout is None:
            return await self._read(receive, limit)
        arrival = self._expect(self._timeout)
        try:
            return await self._read(receive, limit)
        except asyncio.CancelledError:
            if arrival.is_late and arrival.task.uncancel() == 0:
                detail = f"The body did not arrive within {self._timeout} s. Send it again over a faster connection."
                raise TooSlow("body_too_slow", detail) from None
            raise
        finally:
            self._arriving.discard(arrival)

    async def stream(self, receive: Receive, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes, of at most `limit` bytes; nothing of it is held. Raises TooLarge, BrokenOff, and TooSlow where
        nothing comes for as long as a whole body may take: a large one takes its time."""
        size, more = 0, True
        while more:
            try:
                async with asyncio.timeout(self._timeout):
                    message = await receive()
            except TimeoutError:
                raise TooSlow("body_too_slow", f"Nothing of the body came for {self._timeout} s. Send it again.") from None
            if message["type"] != "http.request":
                raise BrokenOff
            chunk: bytes = message.get("body", b"")
            size, more = size + len(chunk), message.get("more_body", False)
            if size > limit:
                raise too_large(limit)
            if chunk:
                yield bytes(chunk)

    def _expect(self, timeout: float) -> "_Arrival":
        task = asyncio.current_task()
        assert task is not None, "a lane's requests are tasks of their own"
        loop = asyncio.get_running_loop()
        arrival = _Arrival(task, loop.time() + timeout)
        self._arriving.add(arrival)
        if self._timer is None:
            self._look_later(loop, timeout)
        return arrival

    def _look_later(self, loop: asyncio.AbstractEventLoop, timeout: float) -> None:
        self._timer = loop.call_later(min(_LOOK, timeout / 4), self._look, loop, timeout)

    def _look(self, loop: asyncio.AbstractEventLoop, timeout: float) -> None:
        now = loop.time()
        for arrival in self._arriving:
            if arrival.until <= now and not arrival.is_late:
                arrival.is_late = True
                arrival.task.cancel()
        self._timer = None
        if self._arriving:
            self._look_later(loop, timeout)

    async def _read(self, receive: Receive, limit: int) -> bytes:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body", False) and len(chunk) <= limit:
            return bytes(chunk)
        return await self._read_on(message, receive, limit)

    async def _read_on(self, message: Message, receive: Receive, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                if message["type"] != "http.request":
                    raise BrokenOff
                chunk = message.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                self._held += len(chunk)
                if size > limit:
                    raise too_large(limit)
                if self._held > max(HELD, limit):
                    raise Unavailable("too_many_bodies", "Too much is arriving at once. Send the same again.", retry_after=1.0)
                if not message.get("more_body", False):
                    return b"".join(chunks)
                message = await receive()
        finally:
            self._held -= size
            # A refusal is at hand until its answer has been read, and with it this frame.
            chunks.clear()


class _Arrival:
    """`until` is by the loop's clock."""

    __slots__ = ("is_late", "task", "until")

    def __init__(self, task: "asyncio.Task[Any]", until: float) -> None:
        self.task = task
        self.until = until
        self.is_late = False


class Drained:
    """Middleware, outside of every other: an answer reaches who is still sending a body that was refused.

    They would find the connection reset, and many never read why. So the last byte of the answer, after which the server closes
    the connection, waits until they have sent all, rest, or have sent more than anybody need read.
    """

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """No coroutine of its own for what needs none."""
        if scope["type"] != "http" or scope["method"] in _BODILESS or not _declares_body(scope["headers"]):
            return self._app(scope, receive, send)
        exchange = _Exchange(receive, send)
        return self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request with a body, and its answer."""

    __slots__ = ("_more", "_receive", "_send", "_start")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._more = True
        self._start: Message | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if not self._more:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            start, self._start = self._start, None
            await self._send_slowly(start, message)

    async def _send_slowly(self, start: Message | None, message: Message) -> None:
        body = message.get("body", b"")
        is_last = not message.get("more_body", False)
        if is_last and not body:
            await self._drain()
        if start is not None:
            await self._send(_with_length(start, len(body)) if is_last else start)
        if is_last and body:
            await self._send({**message, "body": body[:-1], "more_body": True})
            await self._drain()
            message = {**message, "body": body[-1:]}
        await self._send(message)

    async def _drain(self) -> None:
        """Reads on and throws away. Afterwards there is no more, or nobody cares."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIME):
                while self._more and size < DRAINED:
                    async with asyncio.timeout(QUIET):
                        size += len((await self.receive()).get("body", b""))
        self._more = False


def _with_length(start: Message, length: int) -> Message:
    """Else it would be sent in chunks, and its end be one more thing to wait for."""
    headers = list(start.get("headers", ()))
    if any(name == b"content-length" for name, _ in headers):
        return start
    return {**start, "headers": [*headers, (b"content-length", str(length).encode())]}


def _declares_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def too_large(limit: int) -> TooLarge:
    return TooLarge(BODY_TOO_LARGE, f"The body may have at most {limit} bytes. Send less at once.", limit=limit)
