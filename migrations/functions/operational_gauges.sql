-- What stands open, for metrics: letters by reason and the time of the oldest in seconds since 1970
-- (no row without one), waiting events by cause, and halted topics (label: the topic, value 1).
CREATE OR REPLACE FUNCTION operational_gauges()
RETURNS TABLE (gauge text, label text, reason text, value double precision)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH open_letter AS (
        SELECT d.reason, count(*) AS number, min(d.occurred_at) AS oldest
        FROM dead_letter AS d
        WHERE d.status = 'open'
        GROUP BY d.reason
    )
    SELECT 'dead_letters_open', l.reason, NULL::text, l.number::double precision
    FROM open_letter AS l
    UNION ALL
    SELECT 'dead_letter_oldest_timestamp_seconds', '', NULL,
        extract(epoch FROM min(l.oldest))::double precision
    FROM open_letter AS l
    HAVING min(l.oldest) IS NOT NULL
    UNION ALL
    SELECT 'parked_events', p.cause, NULL, count(*)::double precision
    FROM parked_event AS p
    WHERE p.outcome IS NULL
    GROUP BY p.cause
    UNION ALL
    SELECT DISTINCT 'consumer_halted', h.topic, h.reason, 1::double precision
    FROM consumer_halt AS h
    WHERE h.ended_at IS NULL;
END
$$;

REVOKE ALL ON FUNCTION operational_gauges() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operational_gauges() TO loyalty_worker, loyalty_readonly;
