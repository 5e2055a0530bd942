"""What stands in the way of a topic: a halt that a person ends, and records set aside by one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Halt:
    """A topic that a group consumes no further until `loyalty resume`; survives restarts.

    `reason` is a code (`breaker`, `unknown_error`), `detail` names place and codes, no payload.
    `partition` and `offset` say where it happened.
    """

    reason: str
    detail: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What a batch must know before it posts.

    `halt` is the topic's, None where it flows. `quarantined` holds offset and hash of each record
    of the range that a person set aside: it is counted as a dead letter and not tried.
    """

    halt: Halt | None = None
    quarantined: frozenset[tuple[int, bytes]] = frozenset()
