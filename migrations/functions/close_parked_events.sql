-- Writes down what became of waiting events, locked in ascending order; those that were settled
-- meanwhile stay as they are. Outcome parked: the event waits on, for p_reason as its cause.
-- Outcome dead_lettered: the record becomes a letter, and one that was closed because the record
-- came to wait is open again. Any other outcome is final.
CREATE OR REPLACE FUNCTION close_parked_events(
    p_id bigint[], p_outcome text[], p_reason text[], p_detail text[], p_sqlstate text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_open bigint[];
BEGIN
    v_open := ARRAY(
        SELECT e.id FROM parked_event AS e
        WHERE e.id = ANY (p_id) AND e.outcome IS NULL
        ORDER BY e.id
        FOR NO KEY UPDATE
    );
    UPDATE parked_event AS e
    SET cause = r.reason,
        waiting_since = CASE WHEN e.cause = r.reason THEN e.waiting_since ELSE now() END
    FROM unnest(p_id, p_outcome, p_reason) AS r (id, outcome, reason)
    WHERE e.id = r.id AND e.id = ANY (v_open) AND r.outcome = 'parked' AND e.cause <> r.reason;
    UPDATE parked_event AS e
    SET outcome = r.outcome, released_at = now()
    FROM unnest(p_id, p_outcome) AS r (id, outcome)
    WHERE e.id = r.id AND e.id = ANY (v_open) AND r.outcome <> 'parked';

    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, sqlstate, event_source, event_id, casino_id
    )
    SELECT e.topic, e.partition, e."offset", e.broker_timestamp, e.record_hash, e.consumer_group,
        e.key, e.value, e.headers, r.reason, r.detail, r.state, e.event_source, e.event_id,
        e.casino_id
    FROM unnest(p_id, p_outcome, p_reason, p_detail, p_sqlstate)
        AS r (id, outcome, reason, detail, state)
    JOIN parked_event AS e ON e.id = r.id
    WHERE e.id = ANY (v_open) AND r.outcome = 'dead_lettered'
    ORDER BY e.id
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = excluded.sqlstate,
        key = excluded.key,
        value = excluded.value,
        headers = excluded.headers,
        purged_at = NULL,
        status = CASE WHEN d.status = 'discarded' THEN d.status ELSE 'open' END,
        closed_at = CASE WHEN d.status = 'discarded' THEN d.closed_at END,
        copied_at = NULL,
        copy_read_at = NULL;
END
$$;

REVOKE ALL ON FUNCTION close_parked_events(bigint[], text[], text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_parked_events(bigint[], text[], text[], text[], text[])
TO loyalty_worker;
