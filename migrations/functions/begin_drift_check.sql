-- Begins a run of the drift check, of one casino or, where it is null, of all. The same request is
-- the same run, whatever became of it; who asks without a request joins the unfinished run of the
-- same trigger and scope. Other runs that stood still for an hour are abandoned where this one looks
-- at all that they would.
CREATE OR REPLACE FUNCTION begin_drift_check(
    p_trigger text,
    p_casino_id uuid,
    p_request_source text,
    p_request_id text,
    p_requested_by text
) RETURNS TABLE (run_id uuid, verdict text, is_existing boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_drift_scope(p_casino_id);
    UPDATE drift_check_run AS r
    SET verdict = 'abandoned', finished_at = now()
    WHERE r.id = ANY (ARRAY(
        SELECT x.id FROM drift_check_run AS x
        WHERE x.finished_at IS NULL AND x.advanced_at < now() - interval '1 hour'
            AND (p_casino_id IS NULL OR x.casino_id = p_casino_id)
            AND (x.request_source = p_request_source AND x.request_id = p_request_id)
            IS NOT TRUE
        ORDER BY x.id
        -- one that is locked moves
        FOR NO KEY UPDATE SKIP LOCKED
    ));
    -- again where the run that was in the way ended meanwhile
    WHILE run_id IS NULL LOOP
        INSERT INTO drift_check_run AS r (
            trigger, casino_id, request_source, request_id, requested_by
        )
        VALUES (p_trigger, p_casino_id, p_request_source, p_request_id, p_requested_by)
        ON CONFLICT DO NOTHING
        RETURNING r.id INTO run_id;
        is_existing := run_id IS NULL;
        IF is_existing THEN
            SELECT r.id, r.verdict INTO run_id, verdict
            FROM drift_check_run AS r
            WHERE CASE
                WHEN p_request_id IS NOT NULL
                    THEN r.request_id IS NOT NULL
                        AND ARRAY[r.request_source, r.request_id]
                        = ARRAY[p_request_source, p_request_id]
                ELSE r.request_id IS NULL AND r.finished_at IS NULL AND r.trigger = p_trigger
                    AND r.casino_id IS NOT DISTINCT FROM p_casino_id
            END;
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION begin_drift_check(text, uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_drift_check(text, uuid, text, text, text)
TO loyalty_worker, loyalty_operator;
