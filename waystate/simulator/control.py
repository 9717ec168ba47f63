"""The control interface under `/simulator`: what a test or a person at the demo reads and switches."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from waystate.clock import iso
from waystate.documents import JsonObject, Unreadable, parse
from waystate.errors import BadRequest, Conflict, Forbidden, NotFound, Refused, Unprocessable
from waystate.simulator.customers import Customer
from waystate.simulator.failures import FailureOrder
from waystate.simulator.files import FileRequest
from waystate.simulator.groups import MOST_MEMBERS, SimulatedGroup
from waystate.simulator.journal import Journal
from waystate.simulator.load import LoadRequest
from waystate.simulator.rules import PlatformRules
from waystate.simulator.templates import NewTemplate, TemplateChange
from waystate.simulator.world import World
from waystate.web.asgi import find_header
from waystate.web.browser import is_foreign
from waystate.web.facts import names_loopback

Shape = TypeVar("Shape")
_BSUID = r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}"
Identity = Annotated[str, Field(pattern=rf"^(\d{{7,15}}|{_BSUID})$")]
_IDENTITY = TypeAdapter(Identity)
_SWITCHES = TypeAdapter(dict[str, float])
_HIDDEN = frozenset({"customer"})


class AnyMessage(BaseModel):
    """A WhatsApp message object without ids: `{"type": "location", "location": {…}}`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(min_length=1)


class WriteRequest(BaseModel):
    """Empty: the customer's next sentence. `text`: exactly that. `message`: of any type. `wamid`: its id, once.

    `file`: one that WhatsApp hands out, of the simulator's own making; `{}` is whichever.
    """

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    name: str | None = None
    message: AnyMessage | None = None
    file: FileRequest | None = None
    wamid: Annotated[str, Field(pattern=r"^wamid\.[\x21-\x7e]{1,500}$")] | None = None


class TapRequest(BaseModel):
    """`option` by its id or its title; without one it is the first."""

    model_config = ConfigDict(extra="forbid")

    option: str | None = None


class EchoRequest(BaseModel):
    """What the business writes on its phone."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1)
    name: str | None = None


class NewGroup(BaseModel):
    """2 to 8 people besides the business, by phone or business-scoped user id."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=128)
    members: Annotated[list[Identity], Field(min_length=2, max_length=MOST_MEMBERS)]


class GroupMessage(WriteRequest):
    """As a customer's message; `member` is who writes it."""

    member: Identity


class GroupChange(BaseModel):
    """What is not named stays as it is."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    state: Literal["active", "suspended", "deleted"] | None = None
    join: list[Identity] = []
    leave: list[Identity] = []


class ChangeOrder(BaseModel):
    """One webhook of a field; of a number's fields the `metadata` is added."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(min_length=1, max_length=100)
    value: dict[str, Any]


class TokenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    revoked: bool


class Neighbours:
    """Middleware: whoever is on this machine, and no page but its own, whatever name led here (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not names_loopback(find_header(scope, b"host")):
            raise Forbidden(
                "foreign_host", "Call the simulator as localhost, 127.0.0.1 or [::1]; the Host header names another."
            )
        said = {name: find_header(scope, name) for name in (b"origin", b"sec-fetch-site", b"host")}
        if is_foreign(origin=said[b"origin"], fetch_site=said[b"sec-fetch-site"], host=said[b"host"], origins=()):
            raise Forbidden(
                "foreign_origin", "A web page of another origin sent this. Use curl, or a page of the simulator's own."
            )
        await self._app(scope, receive, send)


def control_routes(*others: Route) -> Mount:
    """With others that are for neighbours too."""
    return Mount(
        "/simulator",
        routes=[
            Route("/state", get_state),
            Route("/messages", get_messages),
            Route("/faults", put_faults, methods=["PUT"]),
            Route("/failures", post_failures, methods=["POST"]),
            Route("/failures", delete_failures, methods=["DELETE"]),
            Route("/rules", patch_rules, methods=["PATCH"]),
            Route("/token", put_token, methods=["PUT"]),
            Route("/templates", get_templates),
            Route("/templates", post_template, methods=["POST"]),
            Route("/templates/{name}/{language}", patch_template, methods=["PATCH"]),
            Route("/templates/{name}/{language}", delete_template, methods=["DELETE"]),
            Route("/load", post_load, methods=["POST"]),
            Route("/load", delete_load, methods=["DELETE"]),
            Route("/reset", post_reset, methods=["POST"]),
            Route("/customers/{identity}/messages", post_customer_message, methods=["POST"]),
            Route("/customers/{identity}/taps", post_tap, methods=["POST"]),
            Route("/customers/{identity}/echoes", post_echo, methods=["POST"]),
            Route("/groups", get_groups),
            Route("/groups", post_group, methods=["POST"]),
            Route("/groups/{group}", patch_group, methods=["PATCH"]),
            Route("/groups/{group}/messages", post_group_message, methods=["POST"]),
            Route("/changes", post_changes, methods=["POST"]),
            *others,
        ],
        middleware=[Middleware(Neighbours)],
    )


async def get_state(request: Request) -> Response:
    return JSONResponse(world_of(request).state())


async def get_messages(request: Request) -> Response:
    """The whole journal by customer, or that of one `?customer=`."""
    world = world_of(request)
    wanted = request.query_params.get("customer")
    views = render_journal(world.journal, [*world.customers.all(), *world.groups.all()])
    if wanted is not None:
        views = [view for view in views if wanted in (view["id"], view["waId"], view["userId"])]
        if not views:
            raise NotFound("unknown_customer", "Nobody has this phone number or user id here. See GET /simulator/messages.")
    return JSONResponse({"complete": world.journal.is_complete(), "customers": views})


async def put_faults(request: Request) -> Response:
    world = world_of(request)
    world.faults.replace(await read(request, _SWITCHES))
    return JSONResponse(world.faults.switches())


async def post_failures(request: Request) -> Response:
    world = world_of(request)
    world.graph.failures.add(await read(request, TypeAdapter(FailureOrder)))
    return JSONResponse({"left": world.graph.failures.left()}, 202)


async def delete_failures(request: Request) -> Response:
    """None of those that were ordered and have not struck yet."""
    world_of(request).graph.failures.clear()
    return Response(status_code=204)


async def patch_rules(request: Request) -> Response:
    """What is not named stays as it is."""
    world = world_of(request)
    said = await read(request, TypeAdapter(dict[str, Any]))
    world.rules.now = checked(TypeAdapter(PlatformRules), {**world.rules.now.model_dump(), **said})
    return JSONResponse(world.rules.now.model_dump())


async def put_token(request: Request) -> Response:
    world = world_of(request)
    world.graph.is_revoked = (await read(request, TypeAdapter(TokenRequest))).revoked
    return JSONResponse({"revoked": world.graph.is_revoked})


async def get_templates(request: Request) -> Response:
    world = world_of(request)
    return JSONResponse({"templates": [each.render(world.clock()) for each in world.graph.templates.all()]})


async def post_template(request: Request) -> Response:
    world = world_of(request)
    made = world.graph.templates.add(await read(request, TypeAdapter(NewTemplate)))
    return JSONResponse(made.render(world.clock()), 201)


async def patch_template(request: Request) -> Response:
    """Waystate hears of it by webhooks, one of each thing that is named."""
    world = world_of(request)
    template = world.graph.templates.get(request.path_params["name"], request.path_params["language"])
    world.change_template(template, await read(request, TypeAdapter(TemplateChange)))
    return JSONResponse(template.render(world.clock()))


async def delete_template(request: Request) -> Response:
    """Nobody is told."""
    world_of(request).graph.templates.delete(request.path_params["name"], request.path_params["language"])
    return Response(status_code=204)


async def post_load(request: Request) -> Response:
    world = world_of(request)
    world.load.start(await read(request, TypeAdapter(LoadRequest)))
    return JSONResponse(world.load.state(), 202)


async def delete_load(request: Request) -> Response:
    """No more new messages; what is written still goes out."""
    world = world_of(request)
    world.load.stop()
    return JSONResponse(world.load.state())


async def post_reset(request: Request) -> Response:
    ending = world_of(request)
    request.app.state.world = ending.fresh()
    await ending.end()
    return Response(status_code=204)


async def post_customer_message(request: Request) -> Response:
    world = world_of(request)
    identity = checked(_IDENTITY, request.path_params["identity"])
    order = await read(request, TypeAdapter(WriteRequest))
    customer = world.customers.get_or_add(identity, order.name)
    message = order.message.model_dump() if order.message else None
    if order.wamid is not None and order.wamid in world.journal.written:
        raise Conflict("wamid_taken", f"{order.wamid} was written already. Give the message another id, or none.")
    if order.file is not None:
        entry = world.files.write(customer, order.file, order.wamid)
    else:
        entry = world.customers.write(customer, order.text, message, order.wamid)
    return JSONResponse({"wamid": entry.wamid, "number": entry.number, "text": entry.text, "customer": customer.id}, 202)


async def post_tap(request: Request) -> Response:
    """On a button or a row of the newest message that has some."""
    world = world_of(request)
    customer = world.customers.find(checked(_IDENTITY, request.path_params["identity"]))
    named = (await read(request, TypeAdapter(TapRequest))).option
    offer = world.graph.offers.find(customer.id) if customer is not None else None
    if customer is None or offer is None:
        raise NotFound("nothing_to_tap", "This customer got no buttons and no list yet. Send them some.")
    option = offer.options[0] if named is None else offer.find(named)
    if option is None:
        titles = ", ".join(each["title"] for each in offer.options)
        raise Unprocessable("unknown_option", f"There is no such option in the newest message. Choose from: {titles}.")
    entry = world.customers.write(customer, message=offer.tap(option, world.config.display_phone_number))
    return JSONResponse({"wamid": entry.wamid, "number": entry.number, "option": option, "customer": customer.id}, 202)


async def post_echo(request: Request) -> Response:
    world = world_of(request)
    identity = checked(_IDENTITY, request.path_params["identity"])
    order = await read(request, TypeAdapter(EchoRequest))
    customer = world.customers.get_or_add(identity, order.name)
    return JSONResponse({"wamid": world.echo(customer, order.text), "customer": customer.id}, 202)


async def get_groups(request: Request) -> Response:
    return JSONResponse({"groups": [each.render() for each in world_of(request).groups.all()]})


async def post_group(request: Request) -> Response:
    world = world_of(request)
    order = await read(request, TypeAdapter(NewGroup))
    group = world.groups.make(order.subject, [world.customers.get_or_add(each, None) for each in order.members])
    return JSONResponse(group.render(), 201)


async def patch_group(request: Request) -> Response:
    """Waystate hears of it by webhooks, one of each thing that is named."""
    world = world_of(request)
    group = world.groups.get(request.path_params["group"])
    order = await read(request, TypeAdapter(GroupChange))
    if order.join:
        world.groups.join(group, [world.customers.get_or_add(each, None) for each in order.join])
    if order.leave:
        world.groups.leave(group, [world.customers.get_or_add(each, None) for each in order.leave])
    if order.subject is not None:
        world.groups.rename(group, order.subject)
    if order.state is not None:
        world.groups.change_state(group, order.state)
    return JSONResponse(group.render())


async def post_group_message(request: Request) -> Response:
    world = world_of(request)
    group = world.groups.get(request.path_params["group"])
    order = await read(request, TypeAdapter(GroupMessage))
    member = world.customers.get_or_add(order.member, order.name)
    if order.wamid is not None and order.wamid in world.journal.written:
        raise Conflict("wamid_taken", f"{order.wamid} was written already. Give the message another id, or none.")
    message = order.message.model_dump() if order.message else None
    if order.file is not None:
        message = world.files.make(order.file)
    entry = world.groups.write(group, member, order.text, message, order.wamid)
    return JSONResponse({"wamid": entry.wamid, "number": entry.number, "text": entry.text, "group": group.id}, 202)


async def post_changes(request: Request) -> Response:
    """Webhooks of any field, one after the other."""
    orders = await read(request, TypeAdapter(Annotated[list[ChangeOrder], Field(min_length=1, max_length=1000)]))
    world_of(request).tell([(each.field, each.value) for each in orders])
    return JSONResponse({"changes": len(orders)}, 202)


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world


async def read(request: Request, shape: TypeAdapter[Shape]) -> Shape:
    """The body; none counts as an empty object."""
    try:
        return checked(shape, parse(await request.body() or b"{}"))
    except Unreadable as error:
        raise BadRequest("unreadable_body", f"Send a JSON object: the body is {error}.") from None


def checked(shape: TypeAdapter[Shape], value: Any) -> Shape:
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}" for item in error.errors())
        raise Unprocessable("invalid_body", f"Correct it and send again. {found}") from None


async def render_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    problem = {"type": "about:blank", "title": error.title, "status": error.status, "code": error.code, "detail": str(error)}
    return JSONResponse(problem, error.status, media_type="application/problem+json")


def render_journal(journal: Journal, customers: Sequence[Customer | SimulatedGroup]) -> list[JsonObject]:
    """Each list in the order in which that side saw it. Who only Genesys has heard of comes last, without a name."""
    views = {customer.id: render_customer(customer.id, customer) for customer in customers}
    tables: dict[str, Mapping[Any, Any]] = {
        "wrote": journal.written,
        "genesysReceived": journal.received,
        "agentReplied": journal.replies,
        "whatsappGot": journal.sent,
        "receipts": journal.receipts,
    }
    for name, table in tables.items():
        for entry in table.values():
            if entry.customer is not None:
                view = views.setdefault(entry.customer, render_customer(entry.customer, None))
                view[name].append(render_entry(entry))
    return list(views.values())


def render_customer(identity: str, customer: Customer | SimulatedGroup | None) -> JsonObject:
    view: JsonObject = {"id": identity, "waId": None, "userId": None, "name": None}
    if customer is not None:
        view |= {"waId": customer.wa_id, "userId": customer.user_id, "name": customer.name}
    return view | {"wrote": [], "genesysReceived": [], "agentReplied": [], "whatsappGot": [], "receipts": []}


def render_entry(entry: Any) -> JsonObject:
    fields = {camel_case(name): value for name, value in asdict(entry).items() if name not in _HIDDEN}
    return fields | {"at": iso(entry.at)}


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
