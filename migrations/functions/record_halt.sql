-- Halts a topic for a group until a person ends it; p_partition and p_offset say where it happened.
-- Where a halt is open already, that one stands.
CREATE OR REPLACE FUNCTION record_halt(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_offset bigint,
    p_reason text,
    p_detail text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO consumer_halt (consumer_group, topic, partition, "offset", reason, detail)
    VALUES (p_consumer_group, p_topic, p_partition, p_offset, p_reason, p_detail)
    ON CONFLICT (consumer_group, topic) WHERE ended_at IS NULL DO NOTHING;
END
$$;

REVOKE ALL ON FUNCTION record_halt(text, text, integer, bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_halt(text, text, integer, bigint, text, text) TO loyalty_worker;
