-- Sets the severity of each finding of a run, and counts for each of its casinos the players that
-- have one, and for the gauges those that are not reconciled yet. Critical: more than 1000 points,
-- a damaged ledger whatever the points, or any finding where more than 5 % of the casino's players
-- looked at have one. A casino that has no player at all was looked at too, but for one that was
-- added after the run began: it may have come behind the run.
CREATE OR REPLACE FUNCTION judge_drift_findings(p_run_id uuid, p_casino_id uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_severities CONSTANT text[] := ARRAY['critical', 'warning', 'info'];
    v_casino record;
    v_drifted bigint;
BEGIN
    INSERT INTO drift_check_casino (casino_id, run_id, players_checked)
    SELECT c.id, p_run_id, 0
    FROM casino AS c
    JOIN drift_check_run AS r ON r.id = p_run_id AND r.started_at >= c.created_at
    WHERE p_casino_id IS NULL OR c.id = p_casino_id
    ON CONFLICT (casino_id, run_id) DO NOTHING;

    -- one casino at a time: what was found just now no statistics know, and no join may rest on them
    FOR v_casino IN
        SELECT n.casino_id, n.players_checked
        FROM drift_check_casino AS n
        WHERE n.run_id = p_run_id
        ORDER BY n.casino_id
    LOOP
        v_drifted := (
            SELECT count(DISTINCT f.player_id) FROM drift_finding AS f
            WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id
        );
        -- findings before the casino, as settle_drift_findings locks them
        UPDATE drift_finding AS f
        SET severity = CASE
            WHEN abs(f.drift) > 1000 OR f.kind IN ('entries_missing', 'chain_broken')
                OR v_drifted * 20 > v_casino.players_checked THEN 'critical'
            WHEN abs(f.drift) > 100 THEN 'warning'
            ELSE 'info'
        END
        WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id;

        UPDATE drift_check_casino AS n
        SET closed_at = now(),
            players_drifted = v_drifted,
            open_critical = t.critical,
            open_warning = t.warning,
            open_info = t.info,
            open_points = t.points
        FROM (
            SELECT count(*) FILTER (WHERE d.gravest = 1) AS critical,
                count(*) FILTER (WHERE d.gravest = 2) AS warning,
                count(*) FILTER (WHERE d.gravest = 3) AS info,
                coalesce(sum(d.points), 0) AS points
            FROM (
                SELECT min(array_position(v_severities, f.severity)) AS gravest,
                    max(abs(f.drift)) AS points
                FROM drift_finding AS f
                WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id
                    AND f.reconciled_at IS NULL
                GROUP BY f.player_id
            ) AS d
        ) AS t
        WHERE n.casino_id = v_casino.casino_id AND n.run_id = p_run_id;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION judge_drift_findings(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION judge_drift_findings(uuid, uuid) TO loyalty_worker, loyalty_operator;
