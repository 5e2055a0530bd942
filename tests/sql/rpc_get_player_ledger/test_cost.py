"""What a page of a long statement costs, with the policies on: buffers, as the server counts them.

100,000 entries of one player, of every reason, among those of others.
"""

import json
import uuid
from collections.abc import Mapping

import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
from sqlstaff import Desk, desk_at

_ENTRIES = 100_000
_PAGE = "SELECT * FROM rpc_get_player_ledger($1, $2, $3, 20, $4, $5, $6, $7, $8)"
_FILL = """
    INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after, reason,
        rating_slip_id, visit_id, source_kind, source_id, staff_id, note, idempotency_key,
        payload_hash, occurred_at)
    SELECT $1, $2, n, e.points, 0, e.reason, e.slip, e.visit,
        CASE WHEN e.slip IS NOT NULL THEN 'rating_slip' END, e.slip, gen_random_uuid(), 'x',
        gen_random_uuid(), sha256(''), timestamptz '2026-01-01 00:00+00' + n * interval '1 minute'
    FROM generate_series(1, $3::integer) AS n
    CROSS JOIN LATERAL (
        SELECT (CASE WHEN n % 1000 = 7 THEN 'adjustment' ELSE 'base_accrual' END)::loyalty_reason
                AS reason,
            0 AS points,
            CASE WHEN n % 1000 <> 7 THEN lpad(to_hex(n + $4::integer), 32, '0')::uuid END AS slip,
            lpad(to_hex((n + $4::integer) / 50), 32, '0')::uuid AS visit
    ) AS e
"""


@pytest.fixture
async def long_statement(database: DatabaseUrls) -> tuple[DatabaseUrls, uuid.UUID]:
    """A database of the test's own, and who has the many entries."""
    return database, uuid.uuid4()


async def _fill(desk: Desk, player: uuid.UUID, *, analysed: bool) -> None:
    if not analysed:
        await desk.superuser.execute("ALTER TABLE loyalty_ledger SET (autovacuum_enabled = off)")
        await desk.superuser.execute("ANALYZE loyalty_ledger")  # as empty as it is
    await desk.superuser.execute(_FILL, desk.casino, player, _ENTRIES, 0)
    await desk.superuser.execute(_FILL, desk.casino, uuid.uuid4(), 5000, _ENTRIES)
    if analysed:
        await desk.superuser.execute("ANALYZE loyalty_ledger")


async def _buffers(
    gateway: Connection, desk: Desk, player: uuid.UUID, before: int | None, **filters: object
) -> int:
    arguments = [
        desk.casino,
        player,
        before,
        *(filters.get(name) for name in ("reason", "slip", "visit", "start", "end")),
    ]
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_PAGE}"
    for _ in range(2):  # the first call of a session reads the catalogue as well
        plan: Mapping[str, Mapping[str, int]] = json.loads(
            await gateway.fetchval(explain, *arguments)
        )[0]
    touched = plan["Plan"]
    assert touched["Actual Rows"] > 0
    return touched["Shared Hit Blocks"] + touched["Shared Read Blocks"]


@pytest.mark.parametrize("analysed", [True, False])
async def test_the_last_page_costs_no_more_than_the_first_and_a_filter_only_what_it_finds(
    long_statement: tuple[DatabaseUrls, uuid.UUID], *, analysed: bool
) -> None:
    database, player = long_statement
    async with desk_at(database) as desk:
        await _fill(desk, player, analysed=analysed)
        async with desk.acting("cashier") as gateway:
            first = await _buffers(gateway, desk, player, None)
            last = await _buffers(gateway, desk, player, 21)
            assert first <= 10 * 20, first
            assert last <= 1.5 * first, (first, last)

            old_slip, old_visit = uuid.UUID(int=33), uuid.UUID(int=1)
            start = await gateway.fetchval(
                "SELECT occurred_at FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 10",
                player,
            )
            end = await gateway.fetchval(
                "SELECT occurred_at FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 40",
                player,
            )
            for filters in (
                {"reason": "adjustment"},
                {"reason": "base_accrual"},
                {"slip": old_slip},
                {"visit": old_visit},
                {"visit": old_visit, "reason": "base_accrual"},
                {"start": start, "end": end},
                {"end": end},
            ):
                cost = await _buffers(gateway, desk, player, None, **filters)
                assert cost <= 3 * first, (filters, first, cost)
