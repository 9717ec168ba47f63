"""One process that does the work of its roles: under Granian where it has an API, on a plain event loop where it has none."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Collection

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from waystate.app import ALL_ROLES, Waystate, configure_log, open_waystate
from waystate.child import tell_parent_it_is_up
from waystate.config import Config, ProcessRole
from waystate.errors import ConfigError
from waystate.ports import BACKLOG, address_of, for_granian, spoken
from waystate.web.asgi import Asgi, Scope
from waystate.web.bodies import Drained, Receive, Send
from waystate.web.facts import PEER

logger = structlog.get_logger()


class _Server(Server):
    """Granian's own sockets may be shared with other processes (SO_REUSEPORT); this one answers on one that listens."""

    listens: int

    def _init_shared_socket(self) -> None:
        self._shd = for_granian(self.listens)


class Listener:
    """A port of its own for one application, on the event loop that runs anyway. It takes `listening` over."""

    def __init__(self, app: Asgi, listening: socket.socket, keep_alive: float) -> None:
        self._server = _Server(
            Drained(app), interface=Interfaces.ASGINL, backlog=BACKLOG, log_enabled=False, **spoken(keep_alive)
        )
        self._server.listens = listening.detach()
        self._task = asyncio.create_task(self._server.serve())

    async def close(self) -> None:
        self._server.stop()  # type: ignore[no-untyped-call]
        await self._task


class Service:
    """The process as Granian runs it: opens everything on start-up, closes it on shutdown."""

    def __init__(
        self, config: Config, roles: Collection[ProcessRole] = ALL_ROLES, *, webhooks: socket.socket | None = None
    ) -> None:
        self._config = config
        self._listening = webhooks
        self._roles = roles
        self._waystate: Waystate | None = None
        self._lane: Asgi | None = None
        self._webhooks: Listener | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._lane is not None and scope["type"] != "lifespan":
            return await self._lane(scope, receive, send)
        if scope["type"] != "lifespan":
            raise RuntimeError("a request came before the start-up")
        await receive()
        try:
            await self._start()
        except Exception as error:
            if not isinstance(error, ConfigError):
                logger.critical("The worker could not start.", exc_info=error)
            print(f"waystate: {error}", file=sys.stderr, flush=True)
            return await send({"type": "lifespan.startup.failed", "message": str(error)})
        tell_parent_it_is_up()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._webhooks is not None:
            await self._webhooks.close()
        if self._waystate is not None:
            await self._waystate.stop()
        return await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        config = self._config
        self._waystate = await open_waystate(config, self._roles)
        self._lane = Drained(self._waystate.lane())
        if self._listening is not None:
            self._webhooks = Listener(self._waystate.webhook_lane(), self._listening, config.keep_alive)
        self._waystate.start()
        what = "the API is" if self._roles == [ProcessRole.API] else "serving"
        print(f"waystate: {what} on http://{address_of(config.host, config.port)} (docs: /docs)", flush=True)
        if config.webhook_port is not None:
            print(f"waystate: webhooks alone on http://{address_of(config.host, config.webhook_port)}", flush=True)


def run(config: Config, role: ProcessRole, listening: socket.socket | None) -> int:
    """A role without an API, until it is told to stop; the exit code. `listening` is HEALTH_PORT's."""
    _configure_log(config, role)
    uvloop.run(_work(config, role, listening))
    return 0


async def _work(config: Config, role: ProcessRole, listening: socket.socket | None) -> None:
    told = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, told.set)
    waystate = await open_waystate(config, [role])
    health = None if listening is None else Listener(waystate.health_app(), listening, config.keep_alive)
    waystate.start()
    print(f"waystate: {role} runs{_shown(config)}", flush=True)
    await told.wait()
    await waystate.stop()
    if health is not None:
        await health.close()


def create(config: Config, role: ProcessRole | None, webhooks: socket.socket | None) -> Asgi:
    """Returns what Granian's worker of `serve` (None) or `api` runs. `webhooks` is the socket of WEBHOOK_PORT."""
    _configure_log(config, "waystate" if role is None else role)
    service = Service(config, ALL_ROLES if role is None else [role], webhooks=webhooks)
    if not config.listed_proxies:
        return service
    wrapped: Asgi = wrap_asgi_with_proxy_headers(service, config.listed_proxies)

    def noting_peer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope[PEER] = scope.get("client")
        return wrapped(scope, receive, send)

    return noting_peer


def _configure_log(config: Config, name: str) -> None:
    """The demo names the file, since two processes of a role need two."""
    file = os.environ.get("WAYSTATE_LOG_TO_FILE", "")
    configure_log(config, name if file in ("", "1") else file, to_file=bool(file))


def _shown(config: Config) -> str:
    return "" if config.health_port is None else f", health on http://{address_of(config.host, config.health_port)}/health"
