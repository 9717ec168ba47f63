"""What a test or a person does at the simulated Genesys, under `/simulator/genesys`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waystate.errors import NotFound, Unprocessable
from waystate.simulator.control import read, world_of
from waystate.simulator.genesys_contents import EXAMPLES
from waystate.simulator.genesys_conversations import ConversationAtGenesys, render_conversation
from waystate.simulator.world import World

Disconnect = Literal["client", "endpoint", "system", "timeout", "transfer", "inactivity", "error", "other"]


class SettingsOfGenesys(BaseModel):
    """What is not named stays. `events_header` is the name and value of a header, and goes with its `events_url`."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    events_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    events_header: tuple[str, str] | None = Field(default=None, repr=False)


class AgentsOrder(BaseModel):
    """`text` and `content` as Genesys writes them, or an `example` of structured content by its name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    text: str | None = None
    content: list[dict[str, Any]] = []
    example: str | None = None
    entity: Literal["Human", "Bot"] | None = Field(default=None, alias="as")


class EndOrder(BaseModel):
    """`is_told` false: no event is sent of it, so only who asks finds out."""

    model_config = ConfigDict(extra="forbid")

    disconnect_type: Disconnect = "client"
    is_told: bool = True


def genesys_control_routes() -> list[Route]:
    conversation = "/genesys/conversations/{named}"
    return [
        Route("/genesys", patch_settings, methods=["PATCH"]),
        Route("/genesys/tokens", delete_tokens, methods=["DELETE"]),
        Route("/genesys/examples", get_examples),
        Route("/genesys/conversations", get_conversations),
        Route(f"{conversation}/messages", post_agents_message, methods=["POST"]),
        Route(f"{conversation}/typing", post_typing, methods=["POST"]),
        Route(f"{conversation}/end", post_end, methods=["POST"]),
    ]


async def patch_settings(request: Request) -> Response:
    world = world_of(request)
    wanted = await read(request, TypeAdapter(SettingsOfGenesys))
    if wanted.requests_per_minute is not None:
        world.oauth_clients.requests_per_minute = wanted.requests_per_minute
    if wanted.events_url is not None:
        world.events.direct(wanted.events_url, wanted.events_header)
    return JSONResponse({"requests_per_minute": world.oauth_clients.requests_per_minute, "events_url": world.events.url})


async def delete_tokens(request: Request) -> Response:
    """As if all had expired."""
    world_of(request).oauth_clients.end_tokens()
    return Response(status_code=204)


async def get_examples(request: Request) -> Response:
    return JSONResponse({name: {"text": each.text, "content": each.content} for name, each in EXAMPLES.items()})


async def get_conversations(request: Request) -> Response:
    found = [render_conversation(each) for each in world_of(request).conversations]
    return JSONResponse({"conversations": found})


async def post_agents_message(request: Request) -> Response:
    """An agent or a bot writes to the customer; a bot by default what only bots can."""
    world = world_of(request)
    conversation = _find(world, request)
    order = await read(request, TypeAdapter(AgentsOrder))
    text, content = order.text, order.content
    if order.example is not None:
        if order.example not in EXAMPLES:
            raise Unprocessable("unknown_example", f"There is none of this name. Choose from: {', '.join(EXAMPLES)}.")
        text, content = EXAMPLES[order.example]
    if not text and not content:
        raise Unprocessable("empty_message", "Give the message a text, content, or the name of an example.")
    customer = world.customers.find(conversation.from_id)
    entity = order.entity or ("Human" if order.example is None else "Bot")
    if entity == "Human":
        world.conversations.take_up(conversation)
    reply = world.agents.write(conversation, customer.id if customer else conversation.from_id, text, content, entity)
    return JSONResponse({"id": reply.id, "conversationId": conversation.id}, 202)


async def post_typing(request: Request) -> Response:
    world = world_of(request)
    world.agents.type(_find(world, request))
    return Response(status_code=202)


async def post_end(request: Request) -> Response:
    """All who take part leave; Waystate hears of it if it is told of events."""
    world = world_of(request)
    conversation = _find(world, request)
    order = await read(request, TypeAdapter(EndOrder))
    world.agents.end(conversation, order.disconnect_type, is_told=order.is_told)
    return JSONResponse(render_conversation(conversation))


def _find(world: World, request: Request) -> ConversationAtGenesys:
    """By Genesys' id of it, or by the `from.id` of the customer."""
    named = request.path_params["named"]
    found = world.conversations.find(named)
    if found is None:
        raise NotFound(
            "unknown_conversation", f"Genesys has no conversation of {named}. See GET /simulator/genesys/conversations."
        )
    return found
