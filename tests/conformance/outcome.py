"""What one run of a scenario gave, normalised; or what a recording says that one gave."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from tests.conformance.normal import Event

Json: TypeAlias = Any


@dataclass
class Outcome:
    """The trace, the state afterwards, and the server's side of it."""

    events: list[Event] = field(default_factory=list)
    after: dict[str, Json] | None = None
    saw: list[Json] = field(default_factory=list)
    problem: str | None = None

    def copy(self) -> Self:
        return copy.deepcopy(self)

    def lines(self) -> list[str]:
        """All of it as lines, for a readable difference."""

        def text(item: Json) -> str:
            return json.dumps(item, ensure_ascii=False, sort_keys=True)

        result = [f"{name} {text(payload)}" if payload else name for name, payload in self.events]
        if self.after is None:
            result.append("no socket")
        else:
            result += [f"after.{key} = {text(item)}" for key, item in sorted(self.after.items())]
        result += [f"server saw {text(connection)}" for connection in self.saw]
        if self.problem is not None:
            result.append(f"PROBLEM {self.problem}")
        return result
