"""Short messages between the processes of one installation: hints, and what is out of date. Any of them may be lost.

A message is `{"from": process, "missed": bool, "topics": {topic: [payload, …]}}`; one without topics is a beat.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from waystate.ids import new_id

log = structlog.get_logger()

WINDOW = 0.01
"""Seconds in which payloads collect into one message: PostgreSQL lets one transaction with a NOTIFY commit at a time."""
BEAT = 1.0
"""Seconds between the signs of life on every wire."""
SILENCE = 5.0
"""Seconds without one's own beat coming back, after which a wire counts as cut, whatever its connection says."""
PEER_TTL = 10.0
"""Seconds a process counts as listening after its last beat: longer than anything it may remember (CACHE_TTL)."""
LONGEST = 7900
"""Bytes of a message; a NOTIFY of PostgreSQL carries less than 8,000."""
LONGEST_PAYLOAD = 600
"""Characters: even as escaped surrogates they fit into one message."""
MOST_PENDING = 20_000
"""Payloads kept while no wire takes them; more are dropped, and the others told that they missed something."""
_RECONNECT = (0.1, 0.5, 1.0, 2.0)
_SEND_TIMEOUT = 2.0

Topics = Mapping[str, Sequence[str]]
Heard = Callable[[str], None]


class OpenWire(Protocol):
    """An open connection; `lost` is done as soon as it is known to be gone."""

    @property
    def lost(self) -> asyncio.Future[None]: ...

    async def send(self, text: str) -> None: ...


class Wire(Protocol):
    """A way to reach the other processes; `heard` gets every message on it, our own included."""

    @property
    def name(self) -> str: ...

    def open(self, heard: Heard) -> AbstractAsyncContextManager[OpenWire]: ...


@dataclass(frozen=True, slots=True)
class Message:
    sender: str
    missed: bool = False
    topics: Topics = field(default_factory=dict)


def render_beat(sender: str, *, missed: bool) -> str:
    return _dump({"from": sender, "missed": missed} if missed else {"from": sender})


def render_notice(topic: str, payload: str) -> str:
    """A message of nobody who listens: of a transaction, whoever's it was."""
    return _dump({"from": "", "topics": {topic: [payload]}})


def render_messages(sender: str, topics: Topics, *, longest: int = LONGEST) -> Iterator[str]:
    """Messages that hold all payloads, each as long as may be."""
    frame = len(_dump({"from": sender, "topics": {}}))
    held: dict[str, list[str]] = {}
    size = frame
    for topic, payloads in topics.items():
        for payload in payloads:
            grown = len(_dump(payload)) + 1 + (0 if topic in held else len(_dump(topic)) + 4)
            if held and size + grown > longest:
                yield _dump({"from": sender, "topics": held})
                held, size = {}, frame
                grown = len(_dump(payload)) + len(_dump(topic)) + 5
            held.setdefault(topic, []).append(payload)
            size += grown
    if held:
        yield _dump({"from": sender, "topics": held})


def parse_message(text: str) -> Message | None:
    """None for what is no message of ours: whoever reaches the database or Redis may write there."""
    try:
        read = json.loads(text)
        topics = {str(topic): [str(each) for each in payloads] for topic, payloads in read.get("topics", {}).items()}
        return Message(str(read["from"]), bool(read.get("missed")), topics)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class Feed:
    """One a process. Every wire is listened on; the first one that lives, in the order given, is spoken on.

    While no other process is heard, nothing is sent but the beats: alone, a process pays nothing for it.
    """

    def __init__(
        self, wires: Sequence[Wire], *, silence: float = SILENCE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.id = new_id().hex
        self._links = [_Link(wire, self) for wire in wires]
        self.silence = silence
        self.monotonic = monotonic
        self._pending: dict[str, dict[str, None]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._subscribers: dict[str, list[Heard]] = {}
        self._on_reconnect: list[Callable[[], None]] = []
        self._peers: dict[str, float] = {}
        self._speaks_until = 0.0
        self._gaps = 0
        self._gaps_told = 0

    def publish(self, topic: str, payload: str) -> None:
        """To every other process, within milliseconds, or never. The same payload twice in a window goes once."""
        if not self.has_audience:
            return
        if len(payload) > LONGEST_PAYLOAD:
            raise ValueError(f"a payload of the feed has at most {LONGEST_PAYLOAD} characters; send an id instead")
        if self._count >= MOST_PENDING:
            self._drop_pending()
        payloads = self._pending.setdefault(topic, {})
        if payload not in payloads:
            payloads[payload] = None
            self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WINDOW, self._wake.set)

    def subscribe(self, topic: str, callback: Heard) -> None:
        """`callback` gets each payload that another process published; its own process's never."""
        self._subscribers.setdefault(topic, []).append(callback)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Called after every gap, and at the start: anything may have been missed."""
        self._on_reconnect.append(callback)

    @property
    def has_audience(self) -> bool:
        """Whether a message would be sent at all."""
        return self._speaks_until > self.monotonic()

    @property
    def is_connected(self) -> bool:
        return any(link.line is not None for link in self._links)

    @property
    def wire(self) -> str | None:
        """The name of the wire that is spoken on."""
        return next((link.wire.name for link in self._links if link.line is not None), None)

    @property
    def peers(self) -> int:
        """Other processes heard of lately."""
        now = self.monotonic()
        return sum(until > now for until in self._peers.values())

    async def run(self) -> None:
        """For ever: connects, reconnects, speaks."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._speak())
            for link in self._links:
                group.create_task(link.run())

    async def close(self) -> None:
        """Sends what waits; call it before `run` is cancelled."""
        await self._flush()

    @property
    def gaps(self) -> int:
        """How often messages of ours were lost, or may have been."""
        return self._gaps

    def note_gap(self) -> None:
        self._gaps += 1

    def beat(self) -> str:
        """The next sign of life; it says whether the others missed something of ours."""
        return render_beat(self.id, missed=self._gaps > self._gaps_told)

    def told(self, gaps: int) -> None:
        """A beat sent when there were so many `gaps` has come back."""
        self._gaps_told = max(self._gaps_told, gaps)

    def hear(self, text: str) -> bool:
        """Whether the message is our own, come back."""
        message = parse_message(text)
        if message is None:
            return False
        if message.sender == self.id:
            return True
        if message.sender:
            self._greet(message.sender)
        if message.missed:
            self.tell_gap()
        for topic, payloads in message.topics.items():
            for callback in self._subscribers.get(topic, ()):
                self._tell(callback, payloads)
        return False

    def connected(self) -> None:
        """A newcomer speaks before it has heard of anybody; those who are there beat within a second."""
        self._speaks_until = max(self._speaks_until, self.monotonic() + 3 * BEAT)
        self.tell_gap()

    def tell_gap(self) -> None:
        for callback in self._on_reconnect:
            callback()

    def _greet(self, sender: str) -> None:
        until = self.monotonic() + PEER_TTL
        if sender not in self._peers:
            self._peers = {each: last for each, last in self._peers.items() if last > self.monotonic()}
        self._peers[sender] = until
        self._speaks_until = max(self._speaks_until, until)

    def _tell(self, callback: Heard, payloads: Sequence[str]) -> None:
        for payload in payloads:
            try:
                callback(payload)
            except Exception as error:
                log.error("A message of another process could not be used.", operation="feed", exc_info=error)

    def _drop_pending(self) -> None:
        self._pending, self._count = {}, 0
        self.note_gap()

    async def _speak(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

    async def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending, self._count = self._pending, {}, 0
        for text in render_messages(self.id, {topic: list(payloads) for topic, payloads in pending.items()}):
            if not await self._send(text):
                self.note_gap()
                return

    async def _send(self, text: str) -> bool:
        for link in self._links:
            if link.line is not None and await link.send(text):
                return True
        return False


class _Link:
    """One wire's life: opened, watched by its own echo, opened again for ever. `line` is there while it is known to live."""

    def __init__(self, wire: Wire, feed: Feed) -> None:
        self.wire = wire
        self.line: OpenWire | None = None
        self._feed = feed
        self._echo = asyncio.Event()
        self._said_down = False

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                async with self.wire.open(self._heard) as line:
                    await self._live(line)
            except Exception as error:
                failures = 0 if self.line is not None else failures + 1
                if self.line is not None:
                    self._feed.note_gap()
                self._say_down(error)
            finally:
                self.line = None
            await asyncio.sleep(_RECONNECT[min(failures, len(_RECONNECT) - 1)])

    async def send(self, text: str) -> bool:
        line = self.line
        try:
            if line is not None:
                async with asyncio.timeout(_SEND_TIMEOUT):
                    await line.send(text)
                return True
        except Exception as error:
            log.debug("A message between processes was lost.", operation="feed", wire=self.wire.name, error=str(error))
        return False

    async def _live(self, line: OpenWire) -> None:
        """Ends with the error that ended the wire."""
        beats = 0
        while True:
            self._echo.clear()
            gaps = self._feed.gaps
            async with asyncio.timeout(_SEND_TIMEOUT):
                await line.send(self._feed.beat())
            async with asyncio.timeout(self._feed.silence):
                await self._until(line, self._echo.wait())
            self._feed.told(gaps)
            beats += 1
            if beats == 1:
                self._say_up()
                self.line = line
            if beats <= 2:
                # Once more after a beat: by then the others know of us, and what they said in between is not missed either.
                self._feed.connected()
            await self._until(line, asyncio.sleep(BEAT))

    async def _until(self, line: OpenWire, done: Any) -> None:
        waiting = asyncio.ensure_future(done)
        try:
            await asyncio.wait((line.lost, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if line.lost.done():
            raise ConnectionError(f"the connection was lost: {line.lost.exception() or 'closed by the other side'}")

    def _heard(self, text: str) -> None:
        if self._feed.hear(text):
            self._echo.set()

    def _say_up(self) -> None:
        if self._said_down:
            log.info("Messages between processes flow again.", operation="feed", wire=self.wire.name)
        self._said_down = False

    def _say_down(self, error: Exception) -> None:
        if not self._said_down:
            log.warning(
                "Messages between processes do not flow; changes are seen later.",
                operation="feed",
                wire=self.wire.name,
                error=type(error).__name__,
            )
        self._said_down = True


def _dump(value: object) -> str:
    """ASCII, so that its length is its size in bytes."""
    return json.dumps(value, separators=(",", ":"))
