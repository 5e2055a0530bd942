-- What compare_balances finds wrong, largest drift first; one row per player and kind of
-- drift_kinds. The threshold applies to kind balance alone and is strict. One statement, so that
-- each player is judged in one snapshot. Refuses where the caller does not see all that was asked
-- for: it never calls clean what it cannot see.
CREATE OR REPLACE FUNCTION check_loyalty_balance_drift(
    p_casino_id uuid DEFAULT NULL, p_drift_threshold bigint DEFAULT 0
) RETURNS TABLE (
    casino_id uuid,
    player_id uuid,
    current_balance bigint,
    computed_balance bigint,
    drift bigint,
    ledger_entry_count bigint,
    last_ledger_update timestamptz,
    kind text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_drift_scope(p_casino_id);
    RETURN QUERY
    SELECT d.casino_id, d.player_id, d.current_balance, d.computed_balance, d.drift, d.entries,
        newest_entry_time(d.casino_id, d.player_id), k.kind
    FROM compare_balances(NULL, NULL, p_casino_id, NULL, NULL) AS d
    CROSS JOIN LATERAL drift_kinds(
        d.cached, d.entry_count, d.drift, d.entries, d.newest_no, d.chain_broken
    ) AS k (kind)
    WHERE NOT d.sound AND (k.kind <> 'balance' OR abs(d.drift) > p_drift_threshold)
    ORDER BY abs(d.drift) DESC, d.casino_id, d.player_id, k.kind;
END
$$;

REVOKE ALL ON FUNCTION check_loyalty_balance_drift(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_loyalty_balance_drift(uuid, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
