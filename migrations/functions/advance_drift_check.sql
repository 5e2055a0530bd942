-- Judges the next players of a run in one statement, so that each is seen in one snapshot, and
-- keeps what it finds; says how many players and entries that were and how many findings. The
-- run's lock makes each of several callers take another chunk. On a run that is walked or finished
-- it does nothing.
CREATE OR REPLACE FUNCTION advance_drift_check(
    p_run_id uuid, p_max_players integer, p_max_entries integer
) RETURNS TABLE (walked boolean, players bigint, entries bigint, findings bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET jit = off
AS $$
DECLARE
    v_run drift_check_run;
BEGIN
    IF p_max_players IS NULL OR p_max_players < 1 OR p_max_entries IS NULL OR p_max_entries < 1 THEN
        RAISE EXCEPTION 'a chunk of a drift check needs limits of at least 1'
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_run FROM drift_check_run AS r WHERE r.id = p_run_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no drift check %', p_run_id USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM require_drift_scope(v_run.casino_id);
    IF v_run.walked OR v_run.finished_at IS NOT NULL THEN
        RETURN QUERY SELECT true, 0::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;

    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT * FROM compare_balances(
            v_run.after_casino_id, v_run.after_player_id, v_run.casino_id,
            p_max_players, p_max_entries
        )
    ), finding AS (
        INSERT INTO drift_finding (
            casino_id, run_id, player_id, kind, current_balance, computed_balance, drift,
            drift_percentage, ledger_entry_count, last_ledger_update
        )
        SELECT c.casino_id, p_run_id, k.player_id, k.kind, k.current_balance, k.computed_balance,
            k.drift, round(k.drift::numeric * 100 / nullif(abs(k.computed_balance), 0), 4),
            k.ledger_entry_count, k.last_ledger_update
        FROM compared AS c
        CROSS JOIN LATERAL drift_kinds(c.casino_id, c.suspects) AS k
        RETURNING 1
    ), counted AS (
        INSERT INTO drift_check_casino AS n (casino_id, run_id, players_checked)
        SELECT c.casino_id, p_run_id, c.players FROM compared AS c
        ON CONFLICT (casino_id, run_id) DO UPDATE
        SET players_checked = n.players_checked + excluded.players_checked
    ), total AS (
        SELECT coalesce(sum(c.players), 0)::bigint AS players,
            coalesce(sum(c.entries), 0)::bigint AS entries
        FROM compared AS c
    ), newest AS (
        SELECT c.casino_id, c.last_player_id
        FROM compared AS c
        ORDER BY c.casino_id DESC
        LIMIT 1
    )
    UPDATE drift_check_run AS r
    SET walked = t.players = 0,
        after_casino_id = coalesce(n.casino_id, r.after_casino_id),
        after_player_id = coalesce(n.last_player_id, r.after_player_id),
        players_checked = r.players_checked + t.players,
        entries_checked = r.entries_checked + t.entries,
        advanced_at = now()
    FROM total AS t LEFT JOIN newest AS n ON true
    WHERE r.id = p_run_id
    RETURNING r.walked, t.players, t.entries, (SELECT count(*) FROM finding);
END
$$;

REVOKE ALL ON FUNCTION advance_drift_check(uuid, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advance_drift_check(uuid, integer, integer)
TO loyalty_worker, loyalty_operator;
