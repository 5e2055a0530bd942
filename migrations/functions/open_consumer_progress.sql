-- Begins to count a partition at p_first_offset: under the generation after p_after_generation,
-- which is closed, or, where that is null, under the first one that was never used. Where another
-- worker was faster nothing changes. Always returns the current generation.
CREATE OR REPLACE FUNCTION open_consumer_progress(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_after_generation integer,
    p_first_offset bigint
) RETURNS TABLE (
    generation integer,
    first_offset bigint,
    next_offset bigint,
    last_record_offset bigint,
    last_record_hash bytea
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF p_after_generation IS NOT NULL THEN
        UPDATE consumer_progress AS p
        SET closed_at = now(), updated_at = now()
        WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
            AND p.partition = p_partition AND p.generation = p_after_generation
            AND p.closed_at IS NULL;
    END IF;
    -- FOUND: this call closed the row; another one that waited for it finds it closed
    IF p_after_generation IS NULL OR FOUND THEN
        INSERT INTO consumer_progress (
            consumer_group, topic, partition, generation, first_offset, next_offset
        )
        SELECT
            p_consumer_group, p_topic, p_partition,
            coalesce(p_after_generation, max(p.generation), 0) + 1,
            p_first_offset, p_first_offset
        FROM consumer_progress AS p
        WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
            AND p.partition = p_partition
        ON CONFLICT DO NOTHING;
    END IF;

    RETURN QUERY
    SELECT * FROM read_consumer_progress(p_consumer_group, p_topic, p_partition);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no current generation of % partition % for group % follows %',
            p_topic, p_partition, p_consumer_group, p_after_generation
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again; to begin a first generation pass null.';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION open_consumer_progress(text, text, integer, integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_consumer_progress(text, text, integer, integer, bigint)
TO loyalty_worker, loyalty_operator;
