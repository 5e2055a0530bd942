-- Open letters that still have their record's bytes, by id, from above p_after; an argument that is
-- null does not narrow. p_since is about when the record was filed first.
CREATE OR REPLACE FUNCTION open_letters(
    p_after bigint,
    p_limit integer,
    p_ids bigint[],
    p_topic text,
    p_reason text,
    p_casino_id uuid,
    p_since timestamptz
) RETURNS TABLE (
    id bigint,
    consumer_group text,
    topic text,
    partition integer,
    "offset" bigint,
    broker_timestamp timestamptz,
    key bytea,
    value bytea,
    headers jsonb
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT d.id, d.consumer_group, d.topic, d.partition, d."offset", d.broker_timestamp, d.key,
        d.value, d.headers
    FROM dead_letter AS d
    WHERE d.status = 'open' AND d.purged_at IS NULL AND d.id > p_after
        AND (p_ids IS NULL OR d.id = ANY (p_ids))
        AND (p_topic IS NULL OR d.topic = p_topic)
        AND (p_reason IS NULL OR d.reason = p_reason)
        AND (p_casino_id IS NULL OR d.casino_id = p_casino_id)
        AND (p_since IS NULL OR d.occurred_at >= p_since)
    ORDER BY d.id
    LIMIT p_limit;
END
$$;

REVOKE ALL ON FUNCTION
    open_letters(bigint, integer, bigint[], text, text, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    open_letters(bigint, integer, bigint[], text, text, uuid, timestamptz)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
