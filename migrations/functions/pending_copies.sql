-- The oldest letters whose copy is due, so many of each topic, by id: a topic whose copies cannot
-- leave holds up no other. Of each topic they end with the first that fills 16 MB: they are held in
-- memory. Notes that they were read: mark_copied passes over a letter that changes after this.
CREATE OR REPLACE FUNCTION pending_copies(p_limit integer)
RETURNS TABLE (
    id bigint,
    topic text,
    partition integer,
    "offset" bigint,
    broker_timestamp timestamptz,
    record_hash bytea,
    key bytea,
    value bytea,
    headers jsonb,
    reason text,
    detail text,
    sqlstate text,
    consumer_group text,
    event_source text,
    event_id text,
    redrives bigint
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(
        WITH RECURSIVE due AS (
            -- topic after topic, one index probe each
            (
                SELECT d.topic FROM dead_letter AS d
                WHERE d.copied_at IS NULL ORDER BY d.topic LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT d.topic FROM dead_letter AS d
                WHERE d.copied_at IS NULL AND d.topic > w.topic ORDER BY d.topic LIMIT 1
            )
            FROM due AS w
            WHERE w.topic IS NOT NULL
        )
        SELECT r.id
        FROM due AS w
        CROSS JOIN LATERAL (
            SELECT d.id, sum(
                coalesce(octet_length(d.key), 0) + coalesce(octet_length(d.value), 0)
                + octet_length(d.headers::text)
            ) OVER (
                ORDER BY d.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS bytes_before
            FROM dead_letter AS d
            WHERE d.copied_at IS NULL AND d.topic = w.topic ORDER BY d.id LIMIT p_limit
        ) AS r
        WHERE coalesce(r.bytes_before, 0) < 16 * 1024 * 1024
    );
    PERFORM FROM dead_letter AS d
    WHERE d.id = ANY (v_ids) AND d.copy_read_at IS NULL
    ORDER BY d.id
    FOR NO KEY UPDATE;
    UPDATE dead_letter AS d
    SET copy_read_at = clock_timestamp()
    WHERE d.id = ANY (v_ids) AND d.copy_read_at IS NULL;

    RETURN QUERY
    SELECT d.id, d.topic, d.partition, d."offset", d.broker_timestamp, d.record_hash, d.key,
        d.value, d.headers, d.reason, d.detail, d.sqlstate, d.consumer_group, d.event_source,
        d.event_id, d.redrives
    FROM dead_letter AS d
    WHERE d.id = ANY (v_ids)
    ORDER BY d.id;
END
$$;

REVOKE ALL ON FUNCTION pending_copies(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pending_copies(integer) TO loyalty_worker;
