"""Whom the door let in, for the routes behind it. Alone in its module, so that commands read bodies without the framework."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from waystate.principal import Principal

_CALLER = "waystate.caller"


def let_in(request: Request, principal: Principal) -> None:
    """Notes whom the door let in. In the scope itself: what servers call its state may be all requests' at once."""
    request.scope[_CALLER] = principal


async def caller_of(request: Request) -> Principal:
    """The caller of an operation that takes a scope. Without a door before the route there is none, and no answer either."""
    principal: Principal = request.scope[_CALLER]
    return principal


Caller = Annotated[Principal, Depends(caller_of)]
"""For the signature of a route: the door stands before its router, so the checks come before anything of the route."""
