"""What answers requests: every router of the framework, the lane before it, and what stands before both."""

from collections.abc import Mapping, Sequence

from fastapi import Depends, FastAPI

from waystate import __version__
from waystate.account_events.routes import AccountEventRoutes
from waystate.audit.routes import AuditRoutes
from waystate.channels.check_routes import CheckRoutes
from waystate.channels.genesys.event_routes import GenesysEventsWebhook
from waystate.channels.genesys.routes import GenesysWebhook
from waystate.channels.whatsapp.routes import WhatsAppWebhook
from waystate.clock import Clock
from waystate.conversations.control_routes import ControlRoutes
from waystate.conversations.deeds import ConversationDeeds
from waystate.conversations.desk.acts import DeskActs
from waystate.conversations.desk.routes import DeskRoutes
from waystate.conversations.routes import ConversationRoutes
from waystate.conversations.sight import Sights
from waystate.customers.context import Contexts
from waystate.customers.duplicates.routes import DuplicateRoutes
from waystate.customers.edit import CustomerEdits
from waystate.customers.files.export import CustomerExports
from waystate.customers.files.routes import ExportRoutes, ImportRoutes
from waystate.customers.meet import Meetings
from waystate.customers.meeting_routes import MeetingRoutes
from waystate.customers.merges.merge import CustomerMerges
from waystate.customers.merges.routes import MergeRoutes
from waystate.customers.routes import CustomerRoutes
from waystate.customers.timeline_routes import TimelineRoutes
from waystate.dead_letters.routes import DeadLetterRoutes
from waystate.deliveries.queue_routes import GenesysQueueRoutes
from waystate.deliveries.withdraw import fail_displaced
from waystate.door.idempotency import KeyedOperations
from waystate.door.keyed import Keyed, Records
from waystate.ids import TenantId
from waystate.inbox.routes import InboxRoutes
from waystate.keys.routes import KeyRoutes
from waystate.media.routes import MediaRoutes
from waystate.media.upload_routes import UploadRoutes
from waystate.operations import operations_of
from waystate.people.login_limits import LoginLimits
from waystate.people.login_routes import LoginRoutes
from waystate.people.logins import Logins
from waystate.people.me_routes import MeRoutes
from waystate.people.members import Members
from waystate.people.myself import Myself
from waystate.people.passwords import Passwords
from waystate.people.routes import PeopleRoutes
from waystate.pipeline.replay import Replays
from waystate.queues.edit import QueueEdits
from waystate.queues.routes import QueueRoutes
from waystate.replies.edit import ReplyEdits
from waystate.replies.routes import ReplyRoutes
from waystate.schedules.edit import ScheduleEdits
from waystate.schedules.routes import ScheduleRoutes
from waystate.sends.conversation_routes import BeginRoutes
from waystate.sends.routes import SendRoutes
from waystate.sends.sending import Sends
from waystate.services import Services
from waystate.sign_on.log_in import SignOn, SignOnAddress
from waystate.sign_on.routes import ProviderRoutes, SignOnRoutes
from waystate.sign_on.set_up import Providers
from waystate.state.routes import StateRoutes
from waystate.templates.routes import TemplateRoutes
from waystate.tenants.change import Tenants
from waystate.tenants.erasure.erase import Eraser
from waystate.tenants.platform_routes import PlatformRoutes
from waystate.tenants.routes import TenantRoutes
from waystate.trace.routes import TraceRoutes
from waystate.vault.sealing import derive_key
from waystate.web.asgi import BodyLimit, Lane, Route
from waystate.web.browser import CrossOriginLane, OriginCheck, SecurityHeaders
from waystate.web.health import HealthCheck, HealthRoutes
from waystate.web.metrics import Metrics, MetricsRoutes
from waystate.web.openapi import DocsRoutes, Document, describe
from waystate.web.pages import Cursors
from waystate.web.problem_handlers import install_problems
from waystate.web.problems import log_failure
from waystate.web.routers import add_operations
from waystate.webhooks.routes import WebhookRoutes
from waystate.work.leases import RELAY

ROUTES = (
    WhatsAppWebhook,
    GenesysWebhook,
    GenesysEventsWebhook,
    HealthRoutes,
    MetricsRoutes,
    DocsRoutes,
    StateRoutes,
    SendRoutes,
    InboxRoutes,
    BeginRoutes,
    ConversationRoutes,
    ImportRoutes,
    ExportRoutes,
    DuplicateRoutes,
    ControlRoutes,
    DeskRoutes,
    QueueRoutes,
    ScheduleRoutes,
    ReplyRoutes,
    CustomerRoutes,
    MeetingRoutes,
    MergeRoutes,
    TimelineRoutes,
    TraceRoutes,
    TemplateRoutes,
    UploadRoutes,
    MediaRoutes,
    DeadLetterRoutes,
    LoginRoutes,
    SignOnRoutes,
    MeRoutes,
    PeopleRoutes,
    KeyRoutes,
    AuditRoutes,
    TenantRoutes,
    AccountEventRoutes,
    CheckRoutes,
    GenesysQueueRoutes,
    ProviderRoutes,
    PlatformRoutes,
    WebhookRoutes,
)
"""Whatever has operations, in the order in which they are shown."""
OPERATIONS = operations_of(ROUTES)
"""All of them, by method and path."""


def keyed_lane(services: Services, routes: Sequence[Route], checks: Mapping[str, HealthCheck]) -> Keyed:
    """`routes` are the lane's own; everything else goes to the framework. `checks` are those of the health page."""
    config, answers = services.config, services.metrics.answers
    origins = config.listed_origins
    framework = framework_of(services, checks)
    lane = (
        CrossOriginLane(routes, framework, log_failure, bodies=services.bodies, answers=answers, origins=origins)
        if origins
        else Lane(routes, framework, log_failure, bodies=services.bodies, answers=answers)
    )
    return Keyed(
        lane,
        services.guard,
        Records(services.db, services.vault, services.clock),
        log_failure,
        keyed=KeyedOperations(OPERATIONS.values()),
        secret=derive_key(services.installation, "idempotent requests"),
        max_body=config.max_body,
        bodies=services.bodies,
        answers=answers,
    )


def document() -> Document:
    """The OpenAPI document of this version, as `GET /openapi.json` answers it. Nothing is built for it: the rows say it all."""
    return _described().openapi()


def framework_of(services: Services, checks: Mapping[str, HealthCheck]) -> FastAPI:
    app = _described()
    # The door's checks come before everything of a route: its other dependencies, its parameters, its body.
    door = [Depends(services.guard)]
    rooms = [*_of_messages(services), *_of_desk(services), *_of_access(services), *_of_people(services), *_of_tenants(services)]
    add_operations(app.router, *rooms, dependencies=door)
    docs = DocsRoutes(app.openapi, services.config.listed_proxies)
    add_operations(app.router, HealthRoutes(checks, services.clock), MetricsRoutes(services.metrics), docs)
    app.add_middleware(BodyLimit, limit=services.config.max_body, bodies=services.bodies)
    app.add_middleware(OriginCheck, origins=services.config.own_origins)
    install_problems(app, answers=services.metrics.answers)
    app.add_middleware(SecurityHeaders)
    return app


def health_app(checks: Mapping[str, HealthCheck], metrics: Metrics, clock: Clock) -> FastAPI:
    app = FastAPI(
        title="Waystate", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    add_operations(app.router, HealthRoutes(checks, clock), MetricsRoutes(metrics))
    install_problems(app, answers=metrics.answers)
    return app


def _described() -> FastAPI:
    app = FastAPI(
        title="Waystate", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    describe(app, OPERATIONS.values())
    return app


def _of_messages(services: Services) -> list[object]:
    db, directory, clock = services.db, services.directory, services.clock
    replays = Replays(directory, lanes=services.lanes)
    letters = DeadLetterRoutes(db, replays, services.hints[RELAY], services.invalidations.changed, clock)
    sends = Sends(db, directory, services.templates, services.hints[RELAY], services.invalidations.changed, clock)
    templates = TemplateRoutes(db, directory, services.templates)
    cursors = Cursors(derive_key(services.installation, "page cursors"))
    sights = Sights(directory)
    talks = [
        InboxRoutes(db, sends, sights, cursors, clock),
        BeginRoutes(db, sends, clock),
        ConversationRoutes(db, sights, clock),
    ]
    deeds = ConversationDeeds(services.commits, directory, fail_displaced, clock)
    customers = CustomerEdits(services.commits, clock)
    people = CustomerRoutes(db, customers, sends, sights, cursors, clock)
    meetings = Meetings(db, directory, customers, services.hints[RELAY], services.invalidations.forget, clock)
    merges = CustomerMerges(services.commits, directory, clock)
    media = MediaRoutes(db, directory, services.fetcher.objects, services.links, clock)
    return [
        SendRoutes(sends),
        *talks,
        # Before what takes any id in that place.
        ExportRoutes(CustomerExports(db, clock)),
        DuplicateRoutes(db, cursors),
        people,
        MeetingRoutes(meetings, Contexts(db, sends, sights, clock), directory),
        MergeRoutes(db, merges, cursors),
        ControlRoutes(deeds),
        TimelineRoutes(db, sends, sights, cursors),
        TraceRoutes(db, directory, clock),
        templates,
        media,
        letters,
    ]


def _of_desk(services: Services) -> list[object]:
    db, clock, commits = services.db, services.clock, services.commits
    cursors = Cursors(derive_key(services.installation, "page cursors"))
    sights = Sights(services.directory)
    return [
        DeskRoutes(db, DeskActs(commits, sights, clock), sights, cursors),
        QueueRoutes(db, QueueEdits(commits, clock), cursors, clock),
        ScheduleRoutes(db, ScheduleEdits(commits, clock), cursors, clock),
        ReplyRoutes(db, ReplyEdits(commits, clock), sights, cursors),
    ]


def _of_access(services: Services) -> list[object]:
    db, clock = services.db, services.clock
    return [KeyRoutes(db, services.authenticator.forget, clock), AuditRoutes(db)]


def _of_people(services: Services) -> list[object]:
    db, vault, clock, forget = (
        services.db,
        services.vault,
        services.clock,
        services.authenticator.forget,
    )
    limits = LoginLimits(services.sharing.limits(), derive_key(services.installation, "login limits"))
    logins = Logins(db, vault, Passwords(), limits, clock, forget)
    address = SignOnAddress(services.config.public_url)
    return [
        LoginRoutes(logins),
        MeRoutes(Myself(logins)),
        PeopleRoutes(Members(db, clock, forget)),
        SignOnRoutes(SignOn(db, vault, services.discovery, address, clock)),
        ProviderRoutes(Providers(db, vault, address, clock)),
    ]


def _of_tenants(services: Services) -> list[object]:
    def changed(_: TenantId | None) -> None:
        services.directory.clear()
        services.authenticator.forget()

    platforms = services.platforms
    tenants = Tenants(services.db, services.vault, services.clock, changed)
    return [
        TenantRoutes(tenants, graph_api_url=services.config.graph_api_url),
        AccountEventRoutes(services.db, services.directory),
        CheckRoutes(tenants, platforms.graph, platforms.genesys),
        GenesysQueueRoutes(services.db, services.directory, services.clock),
        PlatformRoutes(tenants, Eraser(services.db, services.clock)),
        WebhookRoutes(services.db, services.clock),
    ]
