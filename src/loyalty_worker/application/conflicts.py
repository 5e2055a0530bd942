"""Conflicts with other transactions are tried again at once; they end by themselves."""

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from loyalty_worker.ports import Fault

_ATTEMPTS = 5


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, Fault) and error.reason == "conflict"


def conflict_retries() -> AsyncRetrying:
    """Return a loop that repeats a transaction a few times; the last fault passes through.

    A conflict is a deadlock, a serialization failure, or a key that another transaction inserted
    meanwhile.
    """
    return AsyncRetrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(0, 0.05),
        retry=retry_if_exception(_is_conflict),
        reraise=True,
    )
