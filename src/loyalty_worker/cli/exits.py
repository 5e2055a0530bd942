"""How a command ends: the exit statuses, and each kind of failure in one line on stderr."""

import asyncpg

from loyalty_worker.database.connection import DatabaseUnavailable
from loyalty_worker.database.migration_files import MigrationError
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logs import EmbeddedServerError
from loyalty_worker.ports import Fault
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

_NOT_MIGRATED = "the database lacks what this command needs (SQLSTATE {}); run `loyalty migrate up`"
_NOT_PERMITTED = (
    "this login may not do that (SQLSTATE {}); "
    "check that the URL is that of the login meant for this command"
)
_ENDED = "PostgreSQL ended the command (SQLSTATE {}); run it again in a moment"
_NO_LOGIN = (
    "PostgreSQL refused the login (SQLSTATE {}); check name, password and database in the URL"
)
_BY_SQLSTATE = {
    **dict.fromkeys(("3F000", "42P01", "42703", "42883"), _NOT_MIGRATED),
    "42501": _NOT_PERMITTED,
    "55P03": "somebody else holds what this command needs (SQLSTATE {}); run it again in a moment",
}
_BY_CLASS = {
    **dict.fromkeys(("08", "53", "57", "58"), _ENDED),
    **dict.fromkeys(("28", "3D"), _NO_LOGIN),
    "40": "another transaction was in the way (SQLSTATE {}); run the command again",
}
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
        case Fault() | asyncpg.PostgresError():
            return _explain_database(error)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | ConnectionError():
            return UNAVAILABLE, "the connection to PostgreSQL was lost; run the command again"
        case _:
            at = place_of(error.__traceback__)
            return UNEXPECTED, (
                f"unexpected {describe_exception(error)} at {at}; "
                "`loyalty --debug …` shows the whole traceback, which may hold personal data"
            )


def _explain_database(error: Fault | asyncpg.PostgresError) -> tuple[int, str]:
    """Explain by the SQLSTATE alone, so that a fault reads as the exception it stands for."""
    sqlstate = error.sqlstate
    if sqlstate is None:
        return UNAVAILABLE, (
            "PostgreSQL cannot be reached or gave no answer; "
            "check the URL and the server, and run the command again"
        )
    if sqlstate.startswith(_REFUSAL_CLASS):
        return REFUSED, _refusal(error, sqlstate)
    text = _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2])
    if text is None:
        return UNEXPECTED, f"PostgreSQL failed with SQLSTATE {sqlstate}; the server's log says more"
    return UNAVAILABLE, text.format(sqlstate)


def _refusal(error: Fault | asyncpg.PostgresError, sqlstate: str) -> str:
    if isinstance(error, asyncpg.PostgresError):
        # our own functions' sentences: written for people, without personal data
        return str(error.args[0])
    # of the refusals only those that are about the caller are faults
    names = {refusal.sqlstate: refusal.name for refusal in Refusal}
    return f"{names.get(sqlstate, 'refused')}: {_NOT_PERMITTED.format(sqlstate)}"
