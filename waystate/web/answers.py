"""What the bodies of answers have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(description="ISO 8601 with Z")]


class AnswerBody(BaseModel):
    """A document that an operation answers: its fields in camelCase, as they go over HTTP."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
