"""What the API takes and answers, by the names of the document. A module of its own, so that its address stays."""

from waystate_client.generated.models import *  # noqa: F403
