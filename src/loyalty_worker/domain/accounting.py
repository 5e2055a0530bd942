"""What accounts for a record that was processed, and what is lacking where nothing does."""

from dataclasses import dataclass
from enum import StrEnum


class AccountedBy(StrEnum):
    """Where a processed record is found again; a duplicate is found where the first one is."""

    LEDGER = "ledger"
    SKIPPED = "skipped"
    PARKED = "parked"
    DEAD_LETTER = "dead_letter"


class Lack(StrEnum):
    """What a record that nothing accounts for should have, as far as the rest of it tells."""

    LETTER = "letter"
    LETTER_OF_CONFLICT = "letter_of_conflict"
    LETTER_OF_PARKED = "letter_of_parked"
    ENTRY_OF_PARKED = "entry_of_parked"
    ENTRY_OF_LETTER = "entry_of_letter"
    ENTRY_OF_SLIP = "entry_of_slip"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Accounting:
    """How one record is accounted for: `by`, or None with what is lacking."""

    by: AccountedBy | None
    lack: Lack | None = None
