"""What a run is asked to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of one run of one side, `rounds` of runs of each side, in turn."""

    seconds: float = 8.0
    rounds: int = 3
    warm_up: float = 2.0
    only: frozenset[str] = frozenset()

    def wants(self, topic: str) -> bool:
        return not self.only or topic in self.only
