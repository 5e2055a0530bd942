-- Those of the entries given that are promotions which no base accrual carries: it is missing,
-- another player's, or reversed. Set-wise, one row a promotion at fault, with the refusal.
CREATE OR REPLACE FUNCTION promotions_without_base(p_entries loyalty_ledger[])
RETURNS TABLE (
    entry_id uuid,
    refusal text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
AS $$
BEGIN
    -- orders that only the right index has: see look_up_closed_slips
    RETURN QUERY
    SELECT e.id,
        CASE WHEN r.id IS NULL THEN 'LOYALTY_BASE_NOT_ACCRUED' ELSE 'LOYALTY_BASE_REVERSED' END
    FROM unnest(p_entries) AS e
    LEFT JOIN LATERAL (
        SELECT l.id, l.player_id
        FROM loyalty_ledger AS l
        WHERE l.casino_id = e.casino_id AND l.source_kind = 'rating_slip'
            AND l.source_id BETWEEN e.source_id AND e.source_id AND l.reason = 'base_accrual'
        ORDER BY l.source_id
        LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT l.id
        FROM loyalty_ledger AS l
        WHERE l.casino_id = e.casino_id AND l.reversed_ledger_id BETWEEN b.id AND b.id
            AND l.reason = 'reversal'
        ORDER BY l.reversed_ledger_id
        LIMIT 1
    ) AS r ON true
    WHERE e.reason = 'promotion'
        AND (b.player_id IS DISTINCT FROM e.player_id OR r.id IS NOT NULL);
END
$$;

REVOKE ALL ON FUNCTION promotions_without_base(loyalty_ledger[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION promotions_without_base(loyalty_ledger[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
