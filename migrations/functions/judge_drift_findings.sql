-- Sets the severity of each finding of a run, and says for each of its casinos how many of the
-- players looked at have one. Critical: more than 1000 points, a damaged ledger whatever the
-- points, or any finding where more than 5 % of the casino's players have one. A casino that has
-- no player at all was looked at too.
CREATE OR REPLACE FUNCTION judge_drift_findings(p_run_id uuid, p_casino_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO drift_check_casino (casino_id, run_id, players_checked)
    SELECT c.id, p_run_id, 0 FROM casino AS c
    WHERE p_casino_id IS NULL OR c.id = p_casino_id
    ON CONFLICT (casino_id, run_id) DO NOTHING;

    UPDATE drift_check_casino AS n
    SET players_drifted = (
            SELECT count(DISTINCT f.player_id) FROM drift_finding AS f
            WHERE f.casino_id = n.casino_id AND f.run_id = n.run_id
        ),
        closed_at = now()
    WHERE n.run_id = p_run_id;

    UPDATE drift_finding AS f
    SET severity = CASE
        WHEN abs(f.drift) > 1000 OR f.kind IN ('entries_missing', 'chain_broken')
            OR n.players_drifted * 20 > n.players_checked THEN 'critical'
        WHEN abs(f.drift) > 100 THEN 'warning'
        ELSE 'info'
    END
    FROM drift_check_casino AS n
    WHERE f.run_id = p_run_id AND n.run_id = f.run_id AND n.casino_id = f.casino_id;
END
$$;

REVOKE ALL ON FUNCTION judge_drift_findings(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION judge_drift_findings(uuid, uuid) TO loyalty_worker, loyalty_operator;
