"""How a command ends: the exit statuses, and each kind of failure in one line on stderr."""

import asyncpg

from loyalty_worker.database.connection import DatabaseUnavailable
from loyalty_worker.database.migration_files import MigrationError
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.embedded.logs import EmbeddedServerError
from loyalty_worker.publishing.topics import KafkaUnavailable, TopicRefusedError
from loyalty_worker.settings import SettingsError
from loyalty_worker.telemetry.errors import ListenError
from loyalty_worker.telemetry.redaction import describe_exception, place_of

DONE = 0
UNEXPECTED = 1
USAGE = 2
PROBLEM_FOUND = 3
UNAVAILABLE = 4
REFUSED = 5
INTERRUPTED = 130

_NOT_MIGRATED = frozenset({"3F000", "42P01", "42703", "42883"})
_NOT_PERMITTED = "42501"
_CONNECTION_CLASSES = frozenset({"08", "53", "57"})
_REFUSAL_CLASS = "LY"


class CommandError(Exception):
    """A command that ends with `status`; the text is for the person, and names the way on."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def explain(error: Exception) -> tuple[int, str]:
    """Return exit status and text of what a command raised; never a driver's text."""
    match error:
        case CommandError():
            return error.status, str(error)
        case (
            SettingsError()
            | DatabaseUnavailable()
            | KafkaUnavailable()
            | ListenError()
            | EmbeddedServerError()
        ):
            return UNAVAILABLE, str(error)
        case MigrationError() | TopicRefusedError() | LoyaltyRefusedError():
            return REFUSED, str(error)
        case asyncpg.PostgresError():
            return _explain_sqlstate(error)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | ConnectionError():
            return UNAVAILABLE, "the connection to PostgreSQL was lost; run the command again"
        case _:
            at = place_of(error.__traceback__)
            return UNEXPECTED, (
                f"unexpected {describe_exception(error)} at {at}; "
                "`loyalty --debug …` shows the whole traceback, which may hold personal data"
            )


def _explain_sqlstate(error: asyncpg.PostgresError) -> tuple[int, str]:
    sqlstate = error.sqlstate or "unknown"
    if sqlstate.startswith(_REFUSAL_CLASS):
        # our own functions' sentences: written for people, without personal data
        return REFUSED, str(error.args[0])
    if sqlstate in _NOT_MIGRATED:
        return UNAVAILABLE, (
            f"the database lacks what this command needs (SQLSTATE {sqlstate}); "
            "run `loyalty migrate up`"
        )
    if sqlstate == _NOT_PERMITTED:
        return UNAVAILABLE, (
            f"this login may not do that (SQLSTATE {sqlstate}); "
            "check that the URL is that of the login meant for this command"
        )
    if sqlstate[:2] in _CONNECTION_CLASSES:
        return UNAVAILABLE, (
            f"PostgreSQL ended the command (SQLSTATE {sqlstate}); run it again in a moment"
        )
    return UNEXPECTED, f"PostgreSQL failed with SQLSTATE {sqlstate}; the server's log says more"
