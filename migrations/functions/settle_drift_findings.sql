-- Notes that a player's balance was reconciled: open findings about the cache are settled, those
-- about a damaged ledger are not. Returns how many.
CREATE OR REPLACE FUNCTION settle_drift_findings(p_casino_id uuid, p_player_id uuid)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_of_cache CONSTANT text[] := ARRAY[
        'balance', 'entry_count', 'cache_missing', 'cache_without_entries'
    ];
    v_severities CONSTANT text[] := ARRAY['critical', 'warning', 'info'];
    v_settled bigint;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    PERFORM FROM drift_finding AS f
    WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
    ORDER BY f.run_id, f.kind
    FOR NO KEY UPDATE;

    -- what the player counts as in each closed run, before and after
    UPDATE drift_check_casino AS n
    SET open_critical = n.open_critical - (b.gravest = 1)::integer
            + coalesce((b.gravest_left = 1)::integer, 0),
        open_warning = n.open_warning - (b.gravest = 2)::integer
            + coalesce((b.gravest_left = 2)::integer, 0),
        open_info = n.open_info - (b.gravest = 3)::integer
            + coalesce((b.gravest_left = 3)::integer, 0),
        open_points = n.open_points - b.points + coalesce(b.points_left, 0)
    FROM (
        SELECT f.run_id,
            min(array_position(v_severities, f.severity)) AS gravest,
            max(abs(f.drift)) AS points,
            min(array_position(v_severities, f.severity))
            FILTER (WHERE f.kind <> ALL (v_of_cache)) AS gravest_left,
            max(abs(f.drift)) FILTER (WHERE f.kind <> ALL (v_of_cache)) AS points_left
        FROM drift_finding AS f
        WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
        GROUP BY f.run_id
    ) AS b
    WHERE n.casino_id = p_casino_id AND n.run_id = b.run_id AND n.closed_at IS NOT NULL;

    UPDATE drift_finding AS f
    SET reconciled_at = now()
    WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
        AND f.kind = ANY (v_of_cache);
    GET DIAGNOSTICS v_settled = ROW_COUNT;
    RETURN v_settled;
END
$$;

REVOKE ALL ON FUNCTION settle_drift_findings(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_drift_findings(uuid, uuid) TO loyalty_operator;
