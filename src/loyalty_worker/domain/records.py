"""A Kafka record as the worker keeps it: bytes untouched, so that a dead letter is faithful."""

import hashlib
import struct
from dataclasses import dataclass
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]

_ABSENT = 0xFFFFFFFF


def _length_prefixed(part: bytes | None) -> bytes:
    if part is None:
        return struct.pack(">I", _ABSENT)
    return struct.pack(">I", len(part)) + part


@dataclass(frozen=True, slots=True)
class PartitionId:
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic; `timestamp_ms` is the broker's, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def fingerprint(self) -> bytes:
        """Return the record's hash: SHA-256 over timestamp and length-prefixed parts, 32 bytes.

        Offsets repeat when a topic is created again; together with this hash they do not.
        An absent part and an empty one differ.
        """
        digest = hashlib.sha256(struct.pack(">q", self.timestamp_ms))
        digest.update(_length_prefixed(self.key))
        digest.update(_length_prefixed(self.value))
        for name, value in self.headers:
            digest.update(_length_prefixed(name.encode("utf-8", "surrogatepass")))
            digest.update(_length_prefixed(value))
        return digest.digest()
