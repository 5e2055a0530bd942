-- Makes letters, PARKED_EXPIRED, of promotions whose slip has not come for longer than p_after; time
-- during which the casino was switched off does not count, and while it is nothing expires. Only
-- casinos of the transaction's scope. Returns how many.
CREATE OR REPLACE FUNCTION expire_parked_events(p_after interval, p_limit integer)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_enabled uuid[] := ARRAY(
        SELECT r.casino_id FROM casino_rules AS r
        WHERE r.casino_id = ANY (service_scope()) AND r.accrual_enabled
    );
    v_ids bigint[];
    v_number integer;
BEGIN
    v_ids := ARRAY(
        SELECT e.id
        FROM parked_event AS e
        WHERE e.outcome IS NULL AND e.cause = 'awaiting_accrual'
            AND e.waiting_since < now() - p_after
            AND e.casino_id = ANY (v_enabled)
            AND now() - e.waiting_since - (
                SELECT coalesce(sum(
                    coalesce(p.resumed_at, now()) - greatest(p.paused_at, e.waiting_since)
                ), interval '0')
                FROM accrual_pause AS p
                WHERE p.casino_id = e.casino_id
                    AND coalesce(p.resumed_at, now()) > e.waiting_since
            ) > p_after
            AND (
                SELECT s.id FROM rating_slip AS s
                WHERE s.casino_id = e.casino_id AND s.id = e.rating_slip_id
                    AND s.status = 'closed'
                LIMIT 1
            ) IS NULL
        ORDER BY e.waiting_since
        LIMIT p_limit
    );
    v_number := cardinality(v_ids);
    PERFORM close_parked_events(
        v_ids,
        array_fill('dead_lettered'::text, ARRAY[v_number]),
        array_fill('PARKED_EXPIRED'::text, ARRAY[v_number]),
        array_fill('the slip did not come in time'::text, ARRAY[v_number]),
        array_fill(NULL::text, ARRAY[v_number])
    );
    RETURN v_number;
END
$$;

REVOKE ALL ON FUNCTION expire_parked_events(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expire_parked_events(interval, integer) TO loyalty_worker;
