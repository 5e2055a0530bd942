-- Notes that a player's balance was reconciled: open findings about the cache are settled, those
-- about a damaged ledger are not. Returns how many.
CREATE OR REPLACE FUNCTION settle_drift_findings(p_casino_id uuid, p_player_id uuid)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_settled bigint;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    UPDATE drift_finding AS f
    SET reconciled_at = now()
    WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
        AND f.kind IN ('balance', 'entry_count', 'cache_missing', 'cache_without_entries');
    GET DIAGNOSTICS v_settled = ROW_COUNT;
    RETURN v_settled;
END
$$;

REVOKE ALL ON FUNCTION settle_drift_findings(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_drift_findings(uuid, uuid) TO loyalty_operator;
