"""What is wrong with a setting, in words that name the variable and what is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. Neither text may repeat the value: it can be a secret."""

    variable: str
    wrong: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.wrong}; {self.allowed}"


class SettingsError(Exception):
    """The settings cannot be used; `problems` has one line for each fault, all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
