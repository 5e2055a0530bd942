"""Cursors: where the next page of a statement begins, in a form that nobody needs to read.

A cursor holds the number of the last entry shown, a fingerprint of the query that showed it, and a
checksum over both. It is no secret and grants nothing: whoever makes one up sees what the query
would show him anyway. What it prevents is a page of one statement being continued as another's.
"""

import hashlib
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from loyalty_worker.domain.entries import LedgerReason

_VERSION = 1
_LAYOUT = struct.Struct(">BQ6s")
_CHECKSUM_BYTES = 6
_FINGERPRINT_BYTES = 6
# 21 bytes: base64 without padding
_SHAPE = re.compile(r"[A-Za-z0-9_-]{28}", re.ASCII)


class CursorError(ValueError):
    """The cursor cannot be used for this query; the text says why and is safe to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementQuery:
    """Which entries a statement shows; None means no restriction.

    `occurred_from` is inclusive and `occurred_to` exclusive, both on `occurred_at` and aware.
    """

    casino_id: UUID
    player_id: UUID
    reason: LedgerReason | None = None
    rating_slip_id: UUID | None = None
    visit_id: UUID | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None

    def fingerprint(self) -> bytes:
        """Return what tells this query from others; the same instant in any zone is the same."""
        parts = (
            self.casino_id,
            self.player_id,
            self.reason,
            self.rating_slip_id,
            self.visit_id,
            _instant(self.occurred_from),
            _instant(self.occurred_to),
        )
        return hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:_FINGERPRINT_BYTES]


def encode_cursor(query: StatementQuery, last_entry_no: int) -> str:
    """Return the cursor of the page after the entry `last_entry_no`."""
    body = _LAYOUT.pack(_VERSION, last_entry_no, query.fingerprint())
    return urlsafe_b64encode(body + _checksum(body)).decode("ascii")


def decode_cursor(query: StatementQuery, cursor: str) -> int:
    """Return the number of the last entry shown; raises `CursorError`."""
    if not _SHAPE.fullmatch(cursor):
        raise CursorError("this is no cursor; start again without one")
    whole = urlsafe_b64decode(cursor)
    body, checksum = whole[: _LAYOUT.size], whole[_LAYOUT.size :]
    version, entry_no, fingerprint = _LAYOUT.unpack(body)
    if checksum != _checksum(body):
        raise CursorError("the cursor is damaged; start again without one")
    if version != _VERSION:
        raise CursorError("the cursor is of another version; start again without one")
    if fingerprint != query.fingerprint():
        raise CursorError(
            "the cursor belongs to a statement of another player, casino or filter; "
            "repeat those it was printed for, or start again without one"
        )
    return int(entry_no)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]


def _instant(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()
