"""What was measured, and what that says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Mark = Literal["goal", "least", "missed", "invalid", ""]


@dataclass(frozen=True, slots=True)
class Target:
    """`of` a ratio Waystate / other side, or of Waystate's own value; for times, less is better."""

    goal: float
    least: float | None = None
    of: Literal["ratio", "value"] = "ratio"
    less_is_better: bool = False

    def mark(self, value: float) -> Mark:
        if self._reaches(value, self.goal):
            return "goal"
        return "least" if self.least is not None and self._reaches(value, self.least) else "missed"

    def _reaches(self, value: float, wanted: float) -> bool:
        return value <= wanted if self.less_is_better else value >= wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row: `ours` and `theirs` are one sample a round; without the other side there is no ratio."""

    topic: str
    name: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    other: str = ""
    target: Target | None = None
    invalid: str = ""
    """Why this row says nothing, if so."""
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float | None:
        return median(self.ours) if self.ours else None

    @property
    def other_value(self) -> float | None:
        return median(self.theirs) if self.theirs else None

    @property
    def ratio(self) -> float | None:
        value, other = self.value, self.other_value
        return value / other if value is not None and other else None

    @property
    def mark(self) -> Mark:
        if self.invalid:
            return "invalid"
        if self.target is None:
            return ""
        judged = self.ratio if self.target.of == "ratio" else self.value
        return "" if judged is None else self.target.mark(judged)


@dataclass(slots=True)
class Findings:
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def add(self, *figures: Figure) -> None:
        self.figures.extend(figures)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of them do not exceed; 0 without samples."""
    if not samples:
        return 0.0
    ranked = sorted(samples)
    return ranked[max(0, min(len(ranked) - 1, -(-int(share * 1000) * len(ranked) // 1000) - 1))]
