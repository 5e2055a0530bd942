-- The oldest records that are to be published, by id.
CREATE OR REPLACE FUNCTION pending_outbox(p_limit integer)
RETURNS TABLE (id bigint, topic text, key bytea, value bytea, headers jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT o.id, o.topic, o.key, o.value, o.headers
    FROM outbox_record AS o
    ORDER BY o.id
    LIMIT p_limit;
END
$$;

REVOKE ALL ON FUNCTION pending_outbox(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pending_outbox(integer) TO loyalty_worker;
