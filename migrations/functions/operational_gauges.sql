-- What stands open, for metrics: letters by reason and the time of the oldest in seconds since 1970
-- (no row without one), waiting events by cause, and halted topics (label: the topic, value 1). Of
-- the drift checks: runs by verdict; when the newest of all casinos that was walked to the end
-- finished, and how many seconds it took; and, by the newest of each casino and without what was
-- reconciled since, the players by their gravest severity and the sum of their points.
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
    WHERE h.ended_at IS NULL
    UNION ALL
    SELECT 'drift_check_runs_total', r.verdict, NULL, count(*)::double precision
    FROM drift_check_run AS r
    WHERE r.verdict IS NOT NULL
    GROUP BY r.verdict;

    RETURN QUERY
    SELECT g.gauge, '', NULL::text, g.value
    FROM (
        SELECT r.started_at, r.finished_at
        FROM drift_check_run AS r
        WHERE r.verdict IN ('clean', 'drift') AND r.casino_id IS NULL
        ORDER BY r.finished_at DESC
        LIMIT 1
    ) AS n
    CROSS JOIN LATERAL (
        VALUES
        (
            'drift_check_last_success_timestamp_seconds',
            extract(epoch FROM n.finished_at)::double precision
        ),
        (
            'drift_check_duration_seconds',
            extract(epoch FROM n.finished_at - n.started_at)::double precision
        )
    ) AS g (gauge, value);

    RETURN QUERY
    SELECT g.gauge, g.label, NULL::text, sum(g.value)::double precision
    FROM casino AS c
    CROSS JOIN LATERAL (
        SELECT x.open_critical, x.open_warning, x.open_info, x.open_points
        FROM drift_check_casino AS x
        WHERE x.casino_id = c.id AND x.closed_at IS NOT NULL
        ORDER BY x.closed_at DESC
        LIMIT 1
    ) AS n
    CROSS JOIN LATERAL (
        VALUES
        ('drift_players', 'critical', n.open_critical::numeric),
        ('drift_players', 'warning', n.open_warning),
        ('drift_players', 'info', n.open_info),
        ('drift_points_abs', '', n.open_points)
    ) AS g (gauge, label, value)
    GROUP BY g.gauge, g.label
    HAVING sum(g.value) > 0;
END
$$;

REVOKE ALL ON FUNCTION operational_gauges() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operational_gauges() TO loyalty_worker, loyalty_readonly;
