-- Moves the current generation to p_next_offset and adds what became of the offsets passed. The
-- position never falls, and a check of the table holds the counts against it: a batch that is
-- counted twice fails. Null for the last record keeps the one known.
CREATE OR REPLACE FUNCTION advance_consumer_progress(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_generation integer,
    p_next_offset bigint,
    p_last_record_offset bigint,
    p_last_record_hash bytea,
    p_accrued bigint,
    p_duplicate bigint,
    p_skipped bigint,
    p_parked bigint,
    p_dead_lettered bigint,
    p_without_record bigint
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE consumer_progress AS p
    SET next_offset = greatest(p.next_offset, p_next_offset),
        last_record_offset = greatest(p.last_record_offset, p_last_record_offset),
        last_record_hash = CASE
            WHEN p_last_record_offset >= coalesce(p.last_record_offset, 0) THEN p_last_record_hash
            ELSE p.last_record_hash
        END,
        accrued = p.accrued + p_accrued,
        duplicate = p.duplicate + p_duplicate,
        skipped = p.skipped + p_skipped,
        parked = p.parked + p_parked,
        dead_lettered = p.dead_lettered + p_dead_lettered,
        without_record = p.without_record + p_without_record,
        updated_at = now()
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.generation = p_generation AND p.closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % of % partition % is not current for group %',
            p_generation, p_topic, p_partition, p_consumer_group
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again and seek to its next_offset.';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION advance_consumer_progress(
    text, text, integer, integer, bigint, bigint, bytea,
    bigint, bigint, bigint, bigint, bigint, bigint
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advance_consumer_progress(
    text, text, integer, integer, bigint, bigint, bytea,
    bigint, bigint, bigint, bigint, bigint, bigint
) TO loyalty_worker;
