-- Writes what accrue_closed_slips decided: slips, players, entries, balances. p_created are the
-- balance rows that were created to be locked; those without an entry go again.
CREATE OR REPLACE FUNCTION write_closed_slips(
    p_slips rating_slip[], p_entries loyalty_ledger[], p_created player_loyalty[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_written bigint;
BEGIN
    -- an open slip is closed by its event; a closed one stays as it is
    INSERT INTO rating_slip AS r (
        casino_id, id, player_id, visit_id, visit_kind, table_id, game_type, average_bet,
        started_at, closed_at, duration_seconds, status, policy_snapshot, gaming_day, facts_hash
    )
    SELECT s.casino_id, s.id, s.player_id, s.visit_id, s.visit_kind, s.table_id, s.game_type,
        s.average_bet, s.started_at, s.closed_at, s.duration_seconds, 'closed',
        s.policy_snapshot, s.gaming_day, s.facts_hash
    FROM unnest(p_slips) AS s
    ORDER BY s.casino_id, s.id
    ON CONFLICT (casino_id, id) DO UPDATE
    SET player_id = excluded.player_id,
        visit_id = excluded.visit_id,
        visit_kind = excluded.visit_kind,
        table_id = excluded.table_id,
        game_type = excluded.game_type,
        average_bet = excluded.average_bet,
        started_at = excluded.started_at,
        closed_at = excluded.closed_at,
        duration_seconds = excluded.duration_seconds,
        status = excluded.status,
        policy_snapshot = excluded.policy_snapshot,
        gaming_day = excluded.gaming_day,
        facts_hash = excluded.facts_hash
    WHERE r.status = 'open';
    GET DIAGNOSTICS v_written = ROW_COUNT;
    IF v_written <> cardinality(p_slips) THEN
        RAISE EXCEPTION 'a slip was closed by another transaction meanwhile; retry'
        USING ERRCODE = 'unique_violation', TABLE = 'rating_slip', CONSTRAINT = 'rating_slip_pkey';
    END IF;

    -- a player is known from any slip, also from one that earns nothing
    INSERT INTO player (id)
    SELECT k.player_id
    FROM (
        SELECT e.player_id FROM unnest(p_entries) AS e
        UNION
        SELECT i.player_id FROM unnest(p_slips) AS i WHERE i.player_id IS NOT NULL
    ) AS k
    ORDER BY k.player_id
    ON CONFLICT DO NOTHING;

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, staff_id, source_kind, source_id, idempotency_key, payload_hash, metadata,
        gaming_day, occurred_at
    )
    SELECT e.casino_id, e.id, e.player_id, e.entry_no, e.points_delta, e.balance_after,
        'base_accrual', e.rating_slip_id, e.visit_id, e.staff_id, 'rating_slip',
        e.rating_slip_id, e.idempotency_key, e.payload_hash, e.metadata, e.gaming_day,
        e.occurred_at
    FROM unnest(p_entries) AS e;

    PERFORM move_balances(p_entries, p_created);
END
$$;

REVOKE ALL ON FUNCTION write_closed_slips(rating_slip[], loyalty_ledger[], player_loyalty[])
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION write_closed_slips(rating_slip[], loyalty_ledger[], player_loyalty[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
