"""Chunks of a drift check that take longer than a statement may."""

import uuid

from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits
from loyalty_worker.database.drift_checks import PostgresDriftChecks
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import DriftChunk, DriftRequest
from sqltools import add_casino, connected

PLAYERS = 1_000
STATEMENT_MS = 500
# Findings are kept one a millisecond: a chunk with all players takes twice as long as it may.
SLOW_FINDINGS = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';
GRANT EXECUTE ON FUNCTION slow() TO PUBLIC;
CREATE TRIGGER slow BEFORE INSERT ON drift_finding FOR EACH ROW EXECUTE FUNCTION slow();
"""


async def test_a_chunk_that_takes_too_long_is_taken_in_smaller_ones(
    database: DatabaseUrls,
) -> None:
    casino = str(uuid.uuid4())
    await add_casino(database, casino)
    async with connected(database.superuser) as superuser:
        await superuser.execute(SLOW_FINDINGS)
        await superuser.execute(
            "WITH known AS (INSERT INTO player SELECT gen_random_uuid()"
            " FROM generate_series(1, $2::integer) RETURNING id)"
            " INSERT INTO player_loyalty (casino_id, player_id, current_balance, entry_count)"
            " SELECT $1, id, 5, 0 FROM known",
            uuid.UUID(casino),
            PLAYERS,
        )
    chunks: list[DriftChunk] = []
    limits = PoolLimits(2, 10.0, STATEMENT_MS, 400, 5_000, 10.0)
    async with open_pool(database.worker, limits) as pool:
        checks = PostgresDriftChecks(pool, 10.0, alerts_topic="alerts", source="/test")
        summary = await CheckDrift(checks, ChunkLimits(load=1.0))(
            DriftRequest("command"), chunks.append
        )
    assert (summary.players_checked, summary.players_drifted) == (PLAYERS, PLAYERS)
    assert sum(chunk.findings for chunk in chunks) == PLAYERS
    assert max(chunk.players for chunk in chunks) < PLAYERS
