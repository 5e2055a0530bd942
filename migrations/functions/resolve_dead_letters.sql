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
SET jit = off
AS $$
DECLARE
    v_resolved integer;
BEGIN
    WITH letter AS MATERIALIZED (
        SELECT d.id
        FROM unnest(p_offset, p_record_hash) AS r (record_offset, record_hash)
        JOIN dead_letter AS d
            ON d.topic = p_topic AND d.partition = p_partition
            AND d."offset" = r.record_offset AND d.record_hash = r.record_hash
        WHERE d.status = 'open'
        ORDER BY d."offset"
        FOR NO KEY UPDATE OF d
    )
    UPDATE dead_letter AS d
    SET status = 'resolved', closed_at = now()
    FROM letter AS l
    WHERE d.id = l.id;
    GET DIAGNOSTICS v_resolved = ROW_COUNT;
    RETURN v_resolved;
END
$$;

REVOKE ALL ON FUNCTION resolve_dead_letters(text, integer, bigint[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_dead_letters(text, integer, bigint[], bytea[])
TO loyalty_worker;
