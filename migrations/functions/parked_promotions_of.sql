-- The promotions that wait for these slips, in the order in which they came, locked in that order.
CREATE OR REPLACE FUNCTION parked_promotions_of(p_casino_id uuid[], p_rating_slip_id uuid[])
RETURNS SETOF parked_event
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_ids bigint[] := ARRAY(
        SELECT w.id
        FROM unnest(p_casino_id, p_rating_slip_id) AS s (casino_id, rating_slip_id)
        CROSS JOIN LATERAL (
            -- an order that only the right index has: see look_up_closed_slips
            SELECT x.id
            FROM parked_event AS x
            WHERE x.casino_id = s.casino_id
                AND x.rating_slip_id BETWEEN s.rating_slip_id AND s.rating_slip_id
                AND x.kind = 'promotion' AND x.outcome IS NULL
            ORDER BY x.rating_slip_id, x.id
        ) AS w
    );
BEGIN
    IF v_ids = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT e.* FROM parked_event AS e
    WHERE e.id = ANY (v_ids) AND e.outcome IS NULL
    ORDER BY e.id
    FOR NO KEY UPDATE;
END
$$;

REVOKE ALL ON FUNCTION parked_promotions_of(uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parked_promotions_of(uuid[], uuid[]) TO loyalty_worker;
