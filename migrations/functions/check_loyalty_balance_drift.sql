-- With whom compare_balances finds something wrong and, by drift_kinds, what, largest drift first;
-- one row per player and kind. The threshold applies to kind balance alone and is strict. One
-- statement, so that each player is judged in one snapshot. Refuses where the caller does not see
-- all that was asked for: it never calls clean what it cannot see.
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
    SELECT d.casino_id, k.player_id, k.current_balance, k.computed_balance, k.drift,
        k.ledger_entry_count, k.last_ledger_update, k.kind
    FROM compare_balances(NULL, NULL, p_casino_id, NULL, NULL) AS d
    CROSS JOIN LATERAL drift_kinds(d.casino_id, d.suspects) AS k
    WHERE k.kind <> 'balance' OR abs(k.drift) > p_drift_threshold
    ORDER BY abs(k.drift) DESC, d.casino_id, k.player_id, k.kind;
END
$$;

REVOKE ALL ON FUNCTION check_loyalty_balance_drift(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_loyalty_balance_drift(uuid, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
