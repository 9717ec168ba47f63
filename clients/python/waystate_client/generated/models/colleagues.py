"""Of `colleagues`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from uuid import UUID

from waystate_client.generated.models.auth import Role
from waystate_client.records import Record

__all__ = ["ColleagueAnswer", "ColleagueList"]


class ColleagueAnswer(Record):
    """A person who works in the tenant."""

    id: UUID
    name: str
    role: Role | str


class ColleagueList(Record):
    """By name. All of them: a tenant's people are few beside its customers."""

    items: list[ColleagueAnswer]
