-- Empties key, value and headers, which hold personal data, of what was settled longer ago than
-- that: letters that are closed and copied, and released parked rows. Audited. Returns how many of
-- each.
CREATE OR REPLACE FUNCTION purge_stored_records(p_older_than interval)
RETURNS TABLE (letters bigint, parked bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_before timestamptz := now() - p_older_than;
BEGIN
    IF v_before IS NULL OR v_before > now() THEN
        RAISE EXCEPTION 'records cannot be purged that are to be settled in the future'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an age that is not negative.';
    END IF;
    -- in the order of every other transaction: parked rows, then letters, each by id
    UPDATE parked_event AS p
    SET key = NULL, value = NULL, headers = '[]', purged_at = now()
    WHERE p.id = ANY (ARRAY(
        SELECT x.id FROM parked_event AS x
        WHERE x.released_at < v_before AND x.purged_at IS NULL
        ORDER BY x.id
        FOR NO KEY UPDATE
    ));
    GET DIAGNOSTICS parked = ROW_COUNT;
    UPDATE dead_letter AS d
    SET key = NULL, value = NULL, headers = '[]', purged_at = now()
    WHERE d.id = ANY (ARRAY(
        SELECT x.id FROM dead_letter AS x
        WHERE x.closed_at < v_before AND x.copied_at IS NOT NULL AND x.purged_at IS NULL
        ORDER BY x.id
        FOR NO KEY UPDATE
    ));
    GET DIAGNOSTICS letters = ROW_COUNT;
    PERFORM write_audit(NULL, 'dead_letter', 'purge', jsonb_build_object(
        'older_than', p_older_than, 'letters', letters, 'parked', parked
    ));
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION purge_stored_records(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_stored_records(interval) TO loyalty_operator;
