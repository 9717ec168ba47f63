"""One process that does the work of its roles: under Granian where it has an API, on a plain event loop where it has none."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Collection

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from waystate.app import ALL_ROLES, Waystate, configure_log, open_waystate
from waystate.config import Config, Role, load_config
from waystate.errors import ConfigError
from waystate.parentage import die_with_parent, tell_parent_it_is_up
from waystate.web.asgi import Asgi, Scope, Send
from waystate.web.bodies import Receive

logger = structlog.get_logger()


class Listener:
    """A port of its own for one application, on the event loop that runs anyway."""

    def __init__(self, app: Asgi, host: str, port: int, *, setting: str) -> None:
        _check_free(host, port, setting)
        self._server = Server(app, address=host, port=port, interface=Interfaces.ASGINL, backlog=2048, log_enabled=False)
        self._task = asyncio.create_task(self._server.serve())

    async def close(self) -> None:
        self._server.stop()  # type: ignore[no-untyped-call]
        await self._task


class Service:
    """The process as Granian runs it: opens everything on start-up, closes it on shutdown."""

    def __init__(self, config: Config, roles: Collection[Role] = ALL_ROLES) -> None:
        self._config = config
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
        self._lane = self._waystate.lane()
        if config.webhook_port is not None:
            webhooks = self._waystate.webhook_lane()
            self._webhooks = Listener(webhooks, config.host, config.webhook_port, setting="WEBHOOK_PORT")
        self._waystate.start()
        what = "the API is" if self._roles == [Role.API] else "serving"
        print(f"waystate: {what} on http://{config.host}:{config.port} (docs: /docs)", flush=True)
        if config.webhook_port is not None:
            print(f"waystate: webhooks alone on http://{config.host}:{config.webhook_port}", flush=True)


def run(config: Config, role: Role) -> int:
    """A role without an API, until it is told to stop; the exit code."""
    _configure_log(config, role)
    uvloop.run(_work(config, role))
    return 0


async def _work(config: Config, role: Role) -> None:
    told = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, told.set)
    waystate = await open_waystate(config, [role])
    health = None
    if config.health_port is not None:
        health = Listener(waystate.health_app(), config.host, config.health_port, setting="HEALTH_PORT")
    waystate.start()
    print(f"waystate: {role} runs{_shown(config)}", flush=True)
    await told.wait()
    await waystate.stop()
    if health is not None:
        await health.close()


def create() -> Asgi:
    """What Granian's worker of `serve` calls (factory)."""
    return _create("waystate", ALL_ROLES)


def create_api() -> Asgi:
    """What Granian's worker of `api` calls (factory)."""
    return _create("api", [Role.API])


def _create(name: str, roles: Collection[Role]) -> Asgi:
    die_with_parent()
    config = load_config()
    _configure_log(config, name)
    service = Service(config, roles)
    if not config.listed_proxies:
        return service
    wrapped: Asgi = wrap_asgi_with_proxy_headers(service, config.listed_proxies)
    return wrapped


def _configure_log(config: Config, name: str) -> None:
    """The demo names the file, since two processes of a role need two."""
    file = os.environ.get("WAYSTATE_LOG_TO_FILE", "")
    configure_log(config, name if file in ("", "1") else file, to_file=bool(file))


def _shown(config: Config) -> str:
    return "" if config.health_port is None else f", health on http://{config.host}:{config.health_port}/health"


def _check_free(host: str, port: int, setting: str) -> None:
    """Granian's own refusal is a panic, and a port that two share would hide one of them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = f"{setting} {port} cannot be listened on ({error.strerror}). Stop what uses it, or choose another."
            raise ConfigError(why) from error
