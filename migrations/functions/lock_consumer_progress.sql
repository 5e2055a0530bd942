-- The current generation of a partition, locked until the end of the transaction; no row where
-- there is none, or where it was closed while this call waited for the lock.
CREATE OR REPLACE FUNCTION lock_consumer_progress(
    p_consumer_group text, p_topic text, p_partition integer
) RETURNS TABLE (
    generation integer,
    first_offset bigint,
    next_offset bigint,
    last_record_offset bigint,
    last_record_hash bytea
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.generation, p.first_offset, p.next_offset, p.last_record_offset, p.last_record_hash
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.closed_at IS NULL
    FOR UPDATE;
END
$$;

REVOKE ALL ON FUNCTION lock_consumer_progress(text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_consumer_progress(text, text, integer) TO loyalty_worker;
