"""The facts hash against the frozen vectors, which another calculation made."""

import json
import uuid
from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from factshash import VECTORS, vectors
from sqlslips import Connection

_HASH = "SELECT encode(loyalty_facts_hash($1, $2, $3, $4, $5, $6, $7, $8, $9), 'hex')"
_FROZEN = json.loads(VECTORS.read_text())


async def test_the_database_gives_the_frozen_hash_of_every_vector(readonly: Connection) -> None:
    for vector in _FROZEN["vectors"]:
        found = await readonly.fetchval(
            _HASH,
            uuid.UUID(vector["casino_id"]),
            uuid.UUID(vector["rating_slip_id"]),
            uuid.UUID(vector["visit_id"]),
            vector["player_id"] and uuid.UUID(vector["player_id"]),
            vector["visit_kind"],
            Decimal(vector["average_bet"]),
            vector["duration_seconds"],
            datetime.fromisoformat(vector["closed_at"]),
            vector["policy_snapshot"],
        )
        assert found == vector["sha256"], vector["why"]


def test_the_vectors_are_those_of_the_independent_calculation() -> None:
    frozen = json.loads(VECTORS.read_text())
    assert frozen == vectors()


def test_only_vectors_that_say_so_share_a_hash() -> None:
    by_hash = defaultdict(list)
    for vector in _FROZEN["vectors"]:
        by_hash[vector["sha256"]].append(vector["why"])
    for whys in by_hash.values():
        assert all(why.startswith("same") for why in whys[1:]), whys
    assert len(by_hash) == sum(not v["why"].startswith("same") for v in _FROZEN["vectors"])


async def test_the_hash_does_not_depend_on_the_sessions_time_zone_or_formats(
    readonly: Connection,
) -> None:
    query = _HASH.replace("$8", "timestamptz '2026-03-14 22:30:00+00'").replace("$9", "$8")
    ids = [uuid.UUID(int=number) for number in range(4)]
    hashes = set()
    for setting in ("SET TimeZone = 'Asia/Macau'", "SET DateStyle = 'German'", "RESET ALL"):
        await readonly.execute(setting)
        hashes.add(await readonly.fetchval(query, *ids, "x", Decimal(1), 1, None))
    assert len(hashes) == 1
