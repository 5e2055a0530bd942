-- Where records between a partition's position and the log's start are gone: closes the current
-- generation, opens the next one at the log's start, and audits the lost range. Refuses, with
-- SQLSTATE 55000, where p_generation is not current or nothing is lost.
CREATE OR REPLACE FUNCTION accept_record_loss(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_generation integer,
    p_log_start bigint,
    p_reason text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_next_offset bigint;
BEGIN
    SELECT p.next_offset INTO v_next_offset
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.generation = p_generation AND p.closed_at IS NULL
    FOR UPDATE;
    IF v_next_offset IS NULL THEN
        RAISE EXCEPTION 'generation % of % partition % is not current for group %',
            p_generation, p_topic, p_partition, p_consumer_group
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again.';
    ELSIF p_log_start IS NULL OR v_next_offset >= p_log_start THEN
        RAISE EXCEPTION 'no record of % partition % is lost: the position is %, the log begins at %',
            p_topic, p_partition, v_next_offset, p_log_start
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'There is nothing to accept.';
    END IF;

    PERFORM FROM open_consumer_progress(
        p_consumer_group, p_topic, p_partition, p_generation, p_log_start
    );
    PERFORM write_audit(NULL, 'consumer', 'accept_record_loss', jsonb_build_object(
        'consumer_group', p_consumer_group, 'topic', p_topic, 'partition', p_partition,
        'generation', p_generation, 'lost_from', v_next_offset, 'lost_to', p_log_start - 1,
        'reason', v_reason
    ));
END
$$;

REVOKE ALL ON FUNCTION accept_record_loss(text, text, integer, integer, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_record_loss(text, text, integer, integer, bigint, text)
TO loyalty_operator;
