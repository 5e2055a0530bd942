-- The current generation of a partition, not locked; no row where there is none.
CREATE OR REPLACE FUNCTION read_consumer_progress(
    p_consumer_group text, p_topic text, p_partition integer
) RETURNS TABLE (
    generation integer,
    first_offset bigint,
    next_offset bigint,
    last_record_offset bigint,
    last_record_hash bytea
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.generation, p.first_offset, p.next_offset, p.last_record_offset, p.last_record_hash
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.closed_at IS NULL;
END
$$;

REVOKE ALL ON FUNCTION read_consumer_progress(text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_consumer_progress(text, text, integer)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
