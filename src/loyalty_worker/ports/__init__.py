"""What the application needs from outside, as protocols.

`consumers`, `database` and `publishing` provide it.
"""

from loyalty_worker.ports.decoder import Decoder
from loyalty_worker.ports.drift import (
    CasinoUnknownError,
    DriftChecks,
    DriftChunk,
    DriftRequest,
    DriftSummary,
    DriftTicks,
    DriftTrigger,
)
from loyalty_worker.ports.faults import UNKNOWN_ERROR, Fault, FaultReason, NeedsPersonError
from loyalty_worker.ports.halts import Halt, HaltReason, Obstacles, TopicHaltedError, resume_command
from loyalty_worker.ports.ledger import (
    Advance,
    Ledger,
    LedgerTransaction,
    Posting,
    Progress,
    Released,
)
from loyalty_worker.ports.outbox import Leases, Outbox, OutgoingRecord, Publisher
from loyalty_worker.ports.stored import (
    DeadLetters,
    LetterFilter,
    ParkedEvents,
    StoredRecord,
)

__all__ = [
    "UNKNOWN_ERROR",
    "Advance",
    "CasinoUnknownError",
    "DeadLetters",
    "Decoder",
    "DriftChecks",
    "DriftChunk",
    "DriftRequest",
    "DriftSummary",
    "DriftTicks",
    "DriftTrigger",
    "Fault",
    "FaultReason",
    "Halt",
    "HaltReason",
    "Leases",
    "Ledger",
    "LedgerTransaction",
    "LetterFilter",
    "NeedsPersonError",
    "Obstacles",
    "Outbox",
    "OutgoingRecord",
    "ParkedEvents",
    "Posting",
    "Progress",
    "Publisher",
    "Released",
    "StoredRecord",
    "TopicHaltedError",
    "resume_command",
]
