"""What goes wrong outside: faults, which are retried, and what waits for a person."""

from typing import Final, Literal, TypeAlias

FaultReason: TypeAlias = Literal[
    "conflict",
    "database_error",
    "database_login_refused",
    "database_resources",
    "database_schema",
    "database_timeout",
    "database_unreachable",
    "handler_failed",
    "kafka_error",
    "kafka_unreachable",
    "lock_timeout",
    "offset_out_of_range",
    "refused",
    "topic_unknown",
]
UNKNOWN_ERROR: Final = "database_error"  # the reason of a fault that no rule names


class Fault(Exception):  # noqa: N818 - the field's word for what is retried, see the specification
    """Something outside failed and will be tried again: no outcome, nothing committed.

    `reason` is a short code for logs and metrics, `sqlstate` PostgreSQL's where it
    has one. The text of the driver's exception is not kept: it can hold personal data.
    """

    def __init__(self, reason: FaultReason, sqlstate: str | None = None) -> None:
        super().__init__(reason if sqlstate is None else f"{reason} ({sqlstate})")
        self.reason: FaultReason = reason
        self.sqlstate = sqlstate


class NeedsPersonError(Exception):
    """The work cannot go on until a person acts; `reason` is a code, `detail` says what to do.

    The worker looks again from time to time and goes on by itself once the cause is gone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
