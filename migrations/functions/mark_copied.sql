-- Notes that the copies of letters were published. A letter that changed after pending_copies read
-- it keeps its copy due.
CREATE OR REPLACE FUNCTION mark_copied(p_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM dead_letter AS d WHERE d.id = ANY (p_ids) ORDER BY d.id FOR NO KEY UPDATE;
    UPDATE dead_letter AS d
    SET copied_at = now()
    WHERE d.id = ANY (p_ids) AND d.copied_at IS NULL AND d.copy_read_at IS NOT NULL;
END
$$;

REVOKE ALL ON FUNCTION mark_copied(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_copied(bigint[]) TO loyalty_worker;
