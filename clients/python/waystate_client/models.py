"""What the API takes and answers, by the names of the document. A module of its own, so that its address stays."""

from waystate_client.generated.models import *  # noqa: F403
from waystate_client.records import CamelRecord as CamelRecord
from waystate_client.records import Record as Record
