-- Closes those of the letters that are open, as never to be posted, audited; returns how many.
CREATE OR REPLACE FUNCTION discard_letters(p_id bigint[], p_reason text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(
        SELECT d.id FROM dead_letter AS d
        WHERE d.id = ANY (p_id) AND d.status = 'open'
        ORDER BY d.id
        FOR NO KEY UPDATE
    );
    IF v_ids = '{}' THEN
        RETURN 0;
    END IF;
    UPDATE dead_letter AS d
    SET status = 'discarded', closed_at = now(), discard_reason = v_reason
    WHERE d.id = ANY (v_ids);
    PERFORM write_audit(NULL, 'dead_letter', 'discard', jsonb_build_object(
        'ids', to_jsonb(v_ids), 'reason', v_reason
    ));
    RETURN cardinality(v_ids);
END
$$;

REVOKE ALL ON FUNCTION discard_letters(bigint[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION discard_letters(bigint[], text) TO loyalty_operator;
