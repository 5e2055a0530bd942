-- Closes the open letters of records that were posted, or found to be posted, after all; returns
-- how many there were. Letters are locked in ascending order.
CREATE OR REPLACE FUNCTION resolve_dead_letters(
    p_topic text, p_partition integer, p_offset bigint[], p_record_hash bytea[]
) RETURNS integer
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
    v_resolved integer;
BEGIN
    UPDATE dead_letter AS d
    SET status = 'resolved', closed_at = now()
    WHERE d.id = ANY (ARRAY(
        SELECT l.id
        FROM (
            SELECT * FROM unnest(p_offset, p_record_hash) AS i (record_offset, record_hash)
            ORDER BY i.record_offset
        ) AS r
        -- a range of one value, in an order that only the index of records has, and no sort:
        -- no plan, whenever it was cached, can walk all open letters instead
        CROSS JOIN LATERAL (
            SELECT x.id
            FROM dead_letter AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN r.record_offset AND r.record_offset
                AND x.record_hash = r.record_hash AND x.status = 'open'
            ORDER BY x."offset"
            LIMIT 1
            FOR NO KEY UPDATE
        ) AS l
    ));
    GET DIAGNOSTICS v_resolved = ROW_COUNT;
    RETURN v_resolved;
END
$$;

REVOKE ALL ON FUNCTION resolve_dead_letters(text, integer, bigint[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_dead_letters(text, integer, bigint[], bytea[])
TO loyalty_worker;
