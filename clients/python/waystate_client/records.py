"""What every model has: fields that nobody knew of are kept, names are Python's, and nothing is built before it is used."""

from enum import Enum
from typing import Final, Literal, TypeAlias

from pydantic import AliasGenerator, BaseModel, ConfigDict, PrivateAttr
from pydantic.alias_generators import to_camel


class _Unset(Enum):
    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = _Unset.UNSET
"""Of a change: leave it as it is. None takes it away."""
Unset: TypeAlias = Literal[_Unset.UNSET]


class Record(BaseModel):
    """Made of an answer, or by hand for a body. `model_extra` has what a newer server sends."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=(), defer_build=True)

    _etag: str | None = PrivateAttr(default=None)

    @property
    def etag(self) -> str | None:
        """Of the version that was answered, to change that one alone: `edit(…, if_match=customer.etag)`."""
        return self._etag


class CamelRecord(Record):
    """`last_message_at` here is `lastMessageAt` on the wire."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=to_camel),
    )
