import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.domain.idempotency import NAMESPACE, idempotency_key
from loyalty_worker.resources import resource_folder

VECTORS: list[dict[str, Any]] = json.loads(
    (resource_folder("schemas") / "idempotency-vectors.json").read_bytes()
)["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_key_equals_its_frozen_vector(vector: dict[str, Any]) -> None:
    identity = EventIdentity(vector["source"], vector["id"])
    assert idempotency_key(vector["operation"], identity) == UUID(vector["key"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_vector_follows_from_the_published_derivation(vector: dict[str, Any]) -> None:
    text = "\n".join((vector["operation"], vector["source"], vector["id"]))
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + text.encode()).digest()[:16])  # noqa: S324 - RFC 9562 defines version 5 by SHA-1
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    assert UUID(bytes=bytes(digest)) == UUID(vector["key"])


def test_every_vector_has_a_key_of_its_own() -> None:
    assert len({vector["key"] for vector in VECTORS}) == len(VECTORS)


def test_the_namespace_never_changes() -> None:
    assert UUID("83022b74-fb41-407a-8eef-c6bbc82a4411") == NAMESPACE
