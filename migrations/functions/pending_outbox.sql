-- The oldest records that are to be published, so many of each topic, by id: a topic that takes
-- none holds up no other.
CREATE OR REPLACE FUNCTION pending_outbox(p_limit integer)
RETURNS TABLE (id bigint, topic text, key bytea, value bytea, headers jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        -- topic after topic, one index probe each
        (SELECT o.topic FROM outbox_record AS o ORDER BY o.topic LIMIT 1)
        UNION ALL
        SELECT (
            SELECT o.topic FROM outbox_record AS o
            WHERE o.topic > w.topic ORDER BY o.topic LIMIT 1
        )
        FROM waiting AS w
        WHERE w.topic IS NOT NULL
    )
    SELECT r.id, r.topic, r.key, r.value, r.headers
    FROM waiting AS w
    CROSS JOIN LATERAL (
        SELECT * FROM outbox_record AS o WHERE o.topic = w.topic ORDER BY o.id LIMIT p_limit
    ) AS r
    ORDER BY r.id;
END
$$;

REVOKE ALL ON FUNCTION pending_outbox(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pending_outbox(integer) TO loyalty_worker;
