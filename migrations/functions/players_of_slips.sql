-- The players of slips' base accruals, in the order given; null where a slip has none yet. Entries
-- never change, so this may be read before any lock.
CREATE OR REPLACE FUNCTION players_of_slips(p_casino_id uuid[], p_rating_slip_id uuid[])
RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(
        SELECT b.player_id
        FROM unnest(p_casino_id, p_rating_slip_id) WITH ORDINALITY
            AS i (casino_id, rating_slip_id, ordinality)
        LEFT JOIN LATERAL (
            SELECT x.player_id
            FROM loyalty_ledger AS x
            WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id BETWEEN i.rating_slip_id AND i.rating_slip_id
                AND x.reason = 'base_accrual'
            ORDER BY x.source_id
            LIMIT 1
        ) AS b ON true
        ORDER BY i.ordinality
    );
END
$$;

REVOKE ALL ON FUNCTION players_of_slips(uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION players_of_slips(uuid[], uuid[]) TO loyalty_worker;
