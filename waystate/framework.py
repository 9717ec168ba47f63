"""What answers requests: every router of the framework, the lane before it, and what stands before both."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import Response

from waystate import __version__
from waystate.audit.routes import audit_routes
from waystate.channels.check_routes import check_routes
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.clock import Clock
from waystate.door.keyed import Keyed, Records
from waystate.ids import TenantId
from waystate.keys.routes import KeyRoutes, key_routes
from waystate.people.login_limits import LoginLimits
from waystate.people.login_routes import login_routes
from waystate.people.logins import Logins
from waystate.people.me_routes import me_routes
from waystate.people.members import Members
from waystate.people.myself import Myself
from waystate.people.passwords import Passwords
from waystate.people.routes import people_routes
from waystate.pipeline.letter_routes import DeadLetterRoutes, dead_letter_routes
from waystate.sign_on.log_in import SignOn, SignOnAddress
from waystate.sign_on.routes import identity_provider_routes, sign_on_routes
from waystate.sign_on.set_up import Providers
from waystate.state.operations import OPERATIONS
from waystate.tenants.change import Tenants
from waystate.tenants.erasure.erase import Eraser
from waystate.tenants.platform_routes import platform_routes
from waystate.tenants.routes import tenant_routes
from waystate.trace.routes import v1_routes
from waystate.vault.sealing import derive_key
from waystate.web.asgi import BodyLimit, Lane, Route
from waystate.web.browser import CrossOriginLane, OriginCheck, SecurityHeaders
from waystate.web.health import HealthCheck, health_routes
from waystate.web.metrics import MEDIA_TYPE, Metrics
from waystate.web.openapi import document_lane, install_docs
from waystate.web.problem_handlers import install_problems
from waystate.web.problems import log_failure
from waystate.webhooks.routes import webhook_routes

if TYPE_CHECKING:
    from waystate.app import Waystate


def keyed_lane(waystate: "Waystate", routes: Sequence[Route]) -> Keyed:
    """`routes` are the lane's own; everything else goes to the framework."""
    config, answers = waystate.config, waystate.metrics.answers
    timeout, origins = config.body_timeout, config.listed_origins
    framework = framework_of(waystate)
    lane = (
        CrossOriginLane(routes, framework, log_failure, read_timeout=timeout, answers=answers, origins=origins)
        if origins
        else Lane(routes, framework, log_failure, read_timeout=timeout, answers=answers)
    )
    return Keyed(
        lane,
        waystate.guard,
        Records(waystate.db, waystate.vault, waystate.clock),
        log_failure,
        secret=derive_key(waystate.installation, "idempotent requests"),
        max_body=config.max_body,
        read_timeout=timeout,
        answers=answers,
    )


def framework_of(waystate: "Waystate") -> FastAPI:
    app = FastAPI(title="Waystate", version=__version__, docs_url=None, redoc_url=None)
    # The door's checks come before everything of a route: its other dependencies, its parameters, its body.
    door = [Depends(waystate.guard)]
    for router in (*_of_messages(waystate), *_of_access(waystate), *_of_people(waystate), *_of_tenants(waystate)):
        app.include_router(router, dependencies=door)
    _add_health(app, waystate.checks, waystate.metrics, waystate.clock)
    document_lane(app, OPERATIONS)
    install_docs(app)
    app.add_middleware(BodyLimit, limit=waystate.config.max_body)
    app.add_middleware(OriginCheck, origins=waystate.config.own_origins)
    install_problems(app, answers=waystate.metrics.answers)
    app.add_middleware(SecurityHeaders)
    return app


def health_app(checks: Mapping[str, HealthCheck], metrics: Metrics, clock: Clock) -> FastAPI:
    app = FastAPI(title="Waystate", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    _add_health(app, checks, metrics, clock)
    return app


def _of_messages(waystate: "Waystate") -> list[APIRouter]:
    db, directory, clock = waystate.db, waystate.directory, waystate.clock
    letters = DeadLetterRoutes(db, directory, waystate.relay.hint, waystate.changed, clock, lanes=waystate.lanes)
    return [v1_routes(db, directory, clock), dead_letter_routes(letters)]


def _of_access(waystate: "Waystate") -> list[APIRouter]:
    db, clock = waystate.db, waystate.clock
    return [key_routes(KeyRoutes(db, waystate.authenticator.forget, clock)), audit_routes(db)]


def _of_people(waystate: "Waystate") -> list[APIRouter]:
    db, vault, clock, forget = (
        waystate.db,
        waystate.vault,
        waystate.clock,
        waystate.authenticator.forget,
    )
    limits = LoginLimits(waystate.sharing.limits(), derive_key(waystate.installation, "login limits"))
    logins = Logins(db, vault, Passwords(), limits, clock, forget)
    address = SignOnAddress(waystate.config.public_url)
    return [
        people_routes(Members(db, clock, forget)),
        login_routes(logins),
        me_routes(Myself(logins)),
        sign_on_routes(SignOn(db, vault, waystate.discovery, address, clock)),
        identity_provider_routes(Providers(db, vault, address, clock)),
    ]


def _of_tenants(waystate: "Waystate") -> list[APIRouter]:
    def changed(_: TenantId | None) -> None:
        waystate.directory.clear()
        waystate.authenticator.forget()

    graph, genesys = GraphClient(waystate.http), GenesysClient(waystate.http)
    tenants = Tenants(waystate.db, waystate.vault, waystate.clock, changed)
    return [
        tenant_routes(tenants, graph_api_url=waystate.config.graph_api_url),
        check_routes(tenants, graph, genesys),
        platform_routes(tenants, Eraser(waystate.db, waystate.clock)),
        webhook_routes(waystate.db, waystate.clock),
    ]


def _add_health(app: FastAPI, checks: Mapping[str, HealthCheck], metrics: Metrics, clock: Clock) -> None:
    app.include_router(health_routes(checks, clock))

    @app.get("/metrics", tags=["Operations"], summary="Prometheus metrics", response_class=Response)
    async def get_metrics() -> Response:
        return Response(metrics.render(), media_type=MEDIA_TYPE)
