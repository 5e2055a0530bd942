-- Looks at the next p_limit events of a kind that wait, by id from above p_after, and returns those
-- of the casinos in p_casino_ids whose cause is gone: the casino is enabled and, for a promotion
-- that awaits its slip, the slip is accrued or recorded as one that earns nothing. The last row
-- has no id; its scanned_to is where to look next, null at the end.
CREATE OR REPLACE FUNCTION find_releasable_events(
    p_kind text, p_after bigint, p_limit integer, p_casino_ids uuid[]
) RETURNS TABLE (
    id bigint,
    consumer_group text,
    topic text,
    partition integer,
    "offset" bigint,
    broker_timestamp timestamptz,
    key bytea,
    value bytea,
    headers jsonb,
    scanned_to bigint
)
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
    v_scanned bigint[] := ARRAY(
        SELECT x.id FROM parked_event AS x
        WHERE x.kind = p_kind AND x.outcome IS NULL AND x.id > p_after
        ORDER BY x.kind, x.id
        LIMIT p_limit
    );
BEGIN
    RETURN QUERY
    SELECT e.id, e.consumer_group, e.topic, e.partition, e."offset", e.broker_timestamp, e.key,
        e.value, e.headers, NULL::bigint
    FROM unnest(v_scanned) WITH ORDINALITY AS i (id, ordinality)
    CROSS JOIN LATERAL (
        -- an order that only the right index has: see look_up_closed_slips
        SELECT x.* FROM parked_event AS x
        WHERE x.id BETWEEN i.id AND i.id AND x.outcome IS NULL
        ORDER BY x.id
        LIMIT 1
    ) AS e
    CROSS JOIN LATERAL (
        SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = e.casino_id LIMIT 1
    ) AS c
    WHERE c.accrual_enabled AND e.casino_id = ANY (p_casino_ids)
        AND (
            e.cause = 'accrual_disabled'
            -- not EXISTS: that may become a hash of all slips
            OR (
                SELECT s.id FROM rating_slip AS s
                WHERE s.casino_id = e.casino_id AND s.id = e.rating_slip_id
                    AND s.status = 'closed'
                    AND (s.visit_kind <> 'gaming_identified_rated' OR s.player_id IS NULL)
                LIMIT 1
            ) IS NOT NULL
            OR (
                SELECT l.id FROM loyalty_ledger AS l
                WHERE l.casino_id = e.casino_id AND l.source_kind = 'rating_slip'
                    AND l.source_id BETWEEN e.rating_slip_id AND e.rating_slip_id
                    AND l.reason = 'base_accrual'
                ORDER BY l.source_id
                LIMIT 1
            ) IS NOT NULL
        )
    ORDER BY i.ordinality;

    id := NULL;
    scanned_to := CASE WHEN cardinality(v_scanned) = p_limit THEN v_scanned[p_limit] END;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION find_releasable_events(text, bigint, integer, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_releasable_events(text, bigint, integer, uuid[])
TO loyalty_worker;
