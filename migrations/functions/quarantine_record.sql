-- Sets one record aside: an open letter QUARANTINED, which live consumption counts as a dead letter
-- without trying the record, and only redrive tries. A letter that is there already becomes it,
-- whatever its status was. Audited. Returns the letter's id.
CREATE OR REPLACE FUNCTION quarantine_record(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_offset bigint,
    p_broker_timestamp timestamptz,
    p_record_hash bytea,
    p_key bytea,
    p_value bytea,
    p_headers jsonb,
    p_reason text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_id bigint;
BEGIN
    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, quarantined
    )
    VALUES (
        p_topic, p_partition, p_offset, p_broker_timestamp, p_record_hash, p_consumer_group, p_key,
        p_value, p_headers, 'QUARANTINED', v_reason, true
    )
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET key = excluded.key,
        value = excluded.value,
        headers = excluded.headers,
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = NULL,
        status = 'open',
        closed_at = NULL,
        copied_at = NULL,
        copy_read_at = NULL,
        quarantined = true,
        purged_at = NULL,
        discard_reason = NULL
    RETURNING d.id INTO v_id;
    PERFORM write_audit(NULL, 'dead_letter', 'quarantine', jsonb_build_object(
        'id', v_id, 'consumer_group', p_consumer_group, 'topic', p_topic,
        'partition', p_partition, 'offset', p_offset, 'reason', v_reason
    ));
    RETURN v_id;
END
$$;

REVOKE ALL ON FUNCTION quarantine_record(
    text, text, integer, bigint, timestamptz, bytea, bytea, bytea, jsonb, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quarantine_record(
    text, text, integer, bigint, timestamptz, bytea, bytea, bytea, jsonb, text
) TO loyalty_operator;
