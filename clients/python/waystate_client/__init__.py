"""The client of Waystate: `with Client(url, key=…) as waystate: waystate.customers.list(q="ana")`."""

from waystate_client import errors, models, webhooks
from waystate_client.client import AsyncClient, Client
from waystate_client.errors import Refused, WaystateError
from waystate_client.records import UNSET

__all__ = ["UNSET", "AsyncClient", "Client", "Refused", "WaystateError", "errors", "models", "webhooks"]
