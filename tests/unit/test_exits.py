import asyncpg
import pytest

from loyalty_worker.cli.exits import CommandError, explain
from loyalty_worker.database.connection import DatabaseUnavailable
from loyalty_worker.database.migration_files import MigrationError
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logs import EmbeddedServerError
from loyalty_worker.ports import Fault
from loyalty_worker.publishing.topics import KafkaUnavailable, TopicRefusedError
from loyalty_worker.settings import Problem, SettingsError
from loyalty_worker.telemetry.errors import ListenError


class RawRefusal(asyncpg.PostgresError):
    """What our own functions raise."""

    sqlstate = "LY030"


REFUSAL = RawRefusal("LOYALTY_FORBIDDEN: ask an operator")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandError(3, "drift was found"), 3),
        (SettingsError([Problem("LOYALTY_X", "is wrong", "be right")]), 4),
        (DatabaseUnavailable("h", "c", "h"), 4),
        (KafkaUnavailable("k"), 4),
        (ListenError("l"), 4),
        (EmbeddedServerError("e"), 4),
        (asyncpg.UndefinedTableError("relation does not exist"), 4),
        (asyncpg.InsufficientPrivilegeError("permission denied"), 4),
        (asyncpg.AdminShutdownError("shutdown"), 4),
        (asyncpg.InterfaceError("connection is closed"), 4),
        (asyncpg.InternalClientError("cannot switch"), 4),
        (MigrationError("gap"), 5),
        (TopicRefusedError("t"), 5),
        (REFUSAL, 5),
        (LoyaltyRefusedError(Refusal.LOYALTY_FORBIDDEN, "LOYALTY_FORBIDDEN: ask"), 5),
        (Fault("database_schema", "42P01"), 4),
        (Fault("lock_timeout", "55P03"), 4),
        (Fault("conflict", "40P01"), 4),
        (Fault("database_login_refused", "28P01"), 4),
        (Fault("database_resources", "58030"), 4),
        (Fault("database_unreachable"), 4),
        (Fault("database_timeout"), 4),
        (Fault("refused", "LY030"), 5),
        (Fault("refused", "LY999"), 5),
        (Fault("database_error", "XX000"), 1),
        (asyncpg.UniqueViolationError("duplicate key"), 1),
        (RuntimeError("bug"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_failure_has_its_exit_status_and_something_to_read(
    error: Exception, status: int
) -> None:
    found, text = explain(error)

    assert found == status
    assert text


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("canary"),
        asyncpg.UniqueViolationError("canary"),
        asyncpg.UndefinedTableError("canary"),
        asyncpg.InterfaceError("canary"),
    ],
)
def test_a_text_that_is_not_ours_is_not_repeated(error: Exception) -> None:
    assert "canary" not in explain(error)[1]


def test_a_fault_is_explained_as_the_driver_s_exception_of_the_same_sqlstate_is() -> None:
    assert explain(Fault("database_schema", "42P01")) == explain(asyncpg.UndefinedTableError(""))
    assert explain(Fault("conflict", "40P01")) == explain(asyncpg.DeadlockDetectedError(""))


def test_a_refusal_s_sentence_is_shown() -> None:
    assert explain(REFUSAL)[1] == "LOYALTY_FORBIDDEN: ask an operator"


def test_the_unexpected_is_told_by_type_place_and_the_way_to_more() -> None:
    def fail() -> None:
        raise KeyError("canary")

    with pytest.raises(KeyError) as caught:
        fail()

    text = explain(caught.value)[1]
    assert "KeyError at test_exits.py:" in text
    assert "loyalty --debug" in text
