-- What a batch of a group, [p_start, p_end) of a partition, must know before it posts: the topic's
-- open halt, nulls where it flows, and offset and hash of each record that a person set aside and
-- that nobody redrove since. Always one row.
CREATE OR REPLACE FUNCTION batch_obstacles(
    p_consumer_group text, p_topic text, p_partition integer, p_start bigint, p_end bigint
) RETURNS TABLE (
    halt_reason text,
    halt_detail text,
    halt_partition integer,
    halt_offset bigint,
    quarantined_offsets bigint[],
    quarantined_hashes bytea[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT h.reason, h.detail, h.partition, h."offset", q.offsets, q.hashes
    FROM (
        SELECT coalesce(array_agg(r.record_offset), '{}') AS offsets,
            coalesce(array_agg(r.record_hash), '{}') AS hashes
        FROM (
            -- in an order that the index of all records has only in this place: the one of
            -- records set aside is far smaller
            SELECT d."offset" AS record_offset, d.record_hash
            FROM dead_letter AS d
            WHERE d.topic = p_topic AND d.partition = p_partition
                AND d."offset" >= p_start AND d."offset" < p_end
                AND d.quarantined AND d.status IN ('open', 'discarded')
            ORDER BY d."offset"
        ) AS r
    ) AS q
    LEFT JOIN consumer_halt AS h
        ON h.consumer_group = p_consumer_group AND h.topic = p_topic AND h.ended_at IS NULL;
END
$$;

REVOKE ALL ON FUNCTION batch_obstacles(text, text, integer, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION batch_obstacles(text, text, integer, bigint, bigint) TO loyalty_worker;
