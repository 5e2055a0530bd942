-- The casinos of events that wait; by hops along the index, however many wait at each.
CREATE OR REPLACE FUNCTION waiting_casinos() RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE hop AS (
            (
                SELECT e.casino_id FROM parked_event AS e
                WHERE e.outcome IS NULL ORDER BY e.casino_id LIMIT 1
            )
            UNION ALL
            SELECT n.casino_id
            FROM hop AS h
            CROSS JOIN LATERAL (
                SELECT e.casino_id FROM parked_event AS e
                WHERE e.outcome IS NULL AND e.casino_id > h.casino_id
                ORDER BY e.casino_id LIMIT 1
            ) AS n
        )
        SELECT hop.casino_id FROM hop
    );
END
$$;

REVOKE ALL ON FUNCTION waiting_casinos() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waiting_casinos()
TO loyalty_worker, loyalty_operator, loyalty_readonly;
