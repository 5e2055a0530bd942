"""The idempotency key of an event: what makes a second delivery find the first one's entry."""

from typing import Final, Literal, TypeAlias
from uuid import UUID, uuid5

from loyalty_worker.domain.events import EventIdentity

NAMESPACE: Final = UUID("83022b74-fb41-407a-8eef-c6bbc82a4411")

Operation: TypeAlias = Literal["base_accrual", "promotion"]


def idempotency_key(operation: Operation, identity: EventIdentity) -> UUID:
    """Derive the key from the operation and the event's identity, and from nothing else.

    The text is UTF-8, not normalised. Frozen for ever by `schemas/idempotency-vectors.json`: one
    changed bit would mint points twice on a replay. Line feeds cannot occur in `source` or `id`,
    the event schemas refuse control characters, so no two identities share a text.
    """
    return uuid5(NAMESPACE, f"{operation}\n{identity.source}\n{identity.id}")
