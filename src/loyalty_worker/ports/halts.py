"""What stands in the way of a topic: a halt that a person ends, and records set aside by one."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from loyalty_worker.ports.faults import NeedsPersonError

HaltReason: TypeAlias = Literal["breaker", "unknown_error"]


@dataclass(frozen=True, slots=True)
class Halt:
    """A topic that a group consumes no further until `loyalty resume`; survives restarts.

    `detail` names place and codes, no payload; `partition` and `offset` say where it happened.
    """

    reason: HaltReason
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


def resume_command(topic: str, *, accept_loss: bool = False) -> str:
    """Return the command that ends a topic's halt, as a hint names it."""
    return f"`loyalty resume {topic}{' --accept-loss' if accept_loss else ''} --reason …`"


class TopicHaltedError(NeedsPersonError):
    """The whole topic is halted for the group: each of its partitions waits for `loyalty resume`.

    `detail` says where it happened, and the commands that help.
    """

    def __init__(self, topic: str, halt: Halt) -> None:
        where = f"{topic} {halt.partition} {halt.offset}"
        aside = f"`loyalty dlq quarantine {where} --reason …` sets that record aside, "
        super().__init__(
            halt.reason,
            f"at partition {halt.partition}, offset {halt.offset}: {halt.detail}; look with "
            f"`loyalty dlq list --topic {topic}`, mend the cause, then "
            f"{aside if halt.reason == 'unknown_error' else ''}"
            f"{resume_command(topic)} goes on",
        )
        self.topic = topic
