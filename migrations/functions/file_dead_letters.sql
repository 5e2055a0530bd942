-- Keeps records that cannot succeed, byte for byte. A record that has a letter and comes again
-- counts an attempt: the letter keeps its status and says why the newest attempt was refused.
CREATE OR REPLACE FUNCTION file_dead_letters(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_offset bigint[],
    p_broker_timestamp timestamptz[],
    p_record_hash bytea[],
    p_key bytea[],
    p_value bytea[],
    p_headers jsonb[],
    p_reason text[],
    p_detail text[],
    p_sqlstate text[],
    p_event_source text[],
    p_event_id text[],
    p_casino_id uuid[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, sqlstate, event_source, event_id, casino_id
    )
    SELECT p_topic, p_partition, r.record_offset, r.broker_timestamp, r.record_hash,
        p_consumer_group, r.key, r.value, r.headers, r.reason, r.detail, r.state,
        r.event_source, r.event_id, r.casino_id
    FROM unnest(
        p_offset, p_broker_timestamp, p_record_hash, p_key, p_value, p_headers, p_reason,
        p_detail, p_sqlstate, p_event_source, p_event_id, p_casino_id
    ) AS r (
        record_offset, broker_timestamp, record_hash, key, value, headers, reason,
        detail, state, event_source, event_id, casino_id
    )
    ORDER BY r.record_offset
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = excluded.sqlstate;
END
$$;

REVOKE ALL ON FUNCTION file_dead_letters(
    text, text, integer, bigint[], timestamptz[], bytea[], bytea[], bytea[], jsonb[],
    text[], text[], text[], text[], text[], uuid[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION file_dead_letters(
    text, text, integer, bigint[], timestamptz[], bytea[], bytea[], bytea[], jsonb[],
    text[], text[], text[], text[], text[], uuid[]
) TO loyalty_worker;
