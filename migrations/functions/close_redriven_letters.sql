-- Writes down what a redrive made of open letters, in the transaction that posted their records,
-- locked in ascending order. A record that was refused again stays open with the new reason, and
-- its copy is due anew. Where a letter is open no more another redrive was faster: SQLSTATE 40001,
-- so that the caller's whole transaction is given up and tried again.
CREATE OR REPLACE FUNCTION close_redriven_letters(
    p_id bigint[], p_outcome text[], p_reason text[], p_detail text[], p_sqlstate text[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_open bigint;
BEGIN
    SELECT count(*) FILTER (WHERE l.status = 'open') INTO v_open
    FROM (
        SELECT d.status FROM dead_letter AS d
        WHERE d.id = ANY (p_id)
        ORDER BY d.id
        FOR NO KEY UPDATE
    ) AS l;
    IF v_open <> cardinality(p_id) THEN
        RAISE EXCEPTION '% of % letters are open no more', cardinality(p_id) - v_open,
            cardinality(p_id)
        USING ERRCODE = 'serialization_failure', HINT = 'Read the open letters again.';
    END IF;

    UPDATE dead_letter AS d
    SET redrives = d.redrives + 1,
        attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = r.reason,
        detail = r.detail,
        sqlstate = r.state,
        copied_at = NULL,
        copy_read_at = NULL
    FROM unnest(p_id, p_outcome, p_reason, p_detail, p_sqlstate)
        AS r (id, outcome, reason, detail, state)
    WHERE d.id = r.id AND r.outcome = 'dead_lettered';
    UPDATE dead_letter AS d
    SET redrives = d.redrives + 1,
        status = 'redriven',
        closed_at = now()
    FROM unnest(p_id, p_outcome) AS r (id, outcome)
    WHERE d.id = r.id AND r.outcome <> 'dead_lettered';
END
$$;

REVOKE ALL ON FUNCTION close_redriven_letters(bigint[], text[], text[], text[], text[])
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_redriven_letters(bigint[], text[], text[], text[], text[])
TO loyalty_worker;
