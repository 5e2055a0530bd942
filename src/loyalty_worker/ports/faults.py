"""What goes wrong outside: faults, which are retried, and what waits for a person."""

UNKNOWN_ERROR = "database_error"  # the reason of a fault that no rule names


class Fault(Exception):  # noqa: N818 - the field's word for what is retried, see the specification
    """Something outside failed and will be tried again: no outcome, nothing committed.

    `reason` is a short code for logs and metrics (a closed set), `sqlstate` PostgreSQL's where it
    has one. The text of the driver's exception is not kept: it can hold personal data.
    """

    def __init__(self, reason: str, sqlstate: str | None = None) -> None:
        super().__init__(reason if sqlstate is None else f"{reason} ({sqlstate})")
        self.reason = reason
        self.sqlstate = sqlstate


class NeedsPersonError(Exception):
    """The work cannot go on until a person acts; `reason` is a code, `detail` says what to do.

    The worker looks again from time to time and goes on by itself once the cause is gone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
