"""Both far sides as one small ASGI app: `waystate simulate`, `make run` and the tests run it.

`/graph/…` is the WhatsApp Cloud API, `/genesys/…` Genesys' login and platform API, `/simulator/…` the controls.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from waystate.child import tell_parent_it_is_up
from waystate.clock import Clock, utc_now
from waystate.errors import Refused
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.control import control_routes, render_problem
from waystate.simulator.genesys_control import genesys_control_routes
from waystate.simulator.world import World

CONFIG_VARIABLE = "WAYSTATE_SIMULATOR"


def create_simulator(
    config: SimulatorConfig, *, transport: httpx2.AsyncBaseTransport | None = None, clock: Clock = utc_now
) -> Starlette:
    """It works only inside its lifespan. `transport` replaces the network towards Waystate."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        limits = httpx2.Limits(max_connections=config.connections, max_keepalive_connections=config.connections)
        async with httpx2.AsyncClient(transport=transport, limits=limits, trust_env=False) as client:
            app.state.world = World(config, client, clock)
            try:
                yield
            finally:
                await app.state.world.end()

    async def far_sides(scope: Scope, receive: Receive, send: Send) -> None:
        await app.state.world.router(scope, receive, send)

    routes = [control_routes(*genesys_control_routes()), Mount("/", app=far_sides)]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refused: render_problem})
    return app


def create_from_environment() -> Starlette:
    """For a server that builds the app in its own process: the variable holds SimulatorConfig as JSON."""
    app = create_simulator(SimulatorConfig.model_validate_json(os.environ[CONFIG_VARIABLE]))
    tell_parent_it_is_up()
    return app
