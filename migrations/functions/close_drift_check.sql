-- Finishes a run that is walked: severities, verdict, audit, and the alerts to be published to the
-- topic in the name of that source. A finished run is returned as it is, and nothing is written.
CREATE OR REPLACE FUNCTION close_drift_check(p_run_id uuid, p_alerts_topic text, p_source text)
RETURNS TABLE (
    verdict text,
    players_checked bigint,
    entries_checked bigint,
    players_drifted bigint,
    largest_drift bigint,
    started_at timestamptz,
    finished_at timestamptz
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_run drift_check_run;
BEGIN
    SELECT * INTO v_run FROM drift_check_run AS r WHERE r.id = p_run_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no drift check %', p_run_id USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM require_drift_scope(v_run.casino_id);
    IF v_run.finished_at IS NULL THEN
        IF NOT v_run.walked THEN
            RAISE EXCEPTION 'drift check % has not looked at every player yet', p_run_id
            USING HINT = 'Advance it until it says that it is walked.';
        END IF;
        PERFORM judge_drift_findings(p_run_id, v_run.casino_id);
        UPDATE drift_check_run AS r
        SET players_drifted = n.drifted,
            largest_drift = coalesce(
                (SELECT max(abs(f.drift)) FROM drift_finding AS f WHERE f.run_id = p_run_id), 0
            ),
            verdict = CASE WHEN n.drifted = 0 THEN 'clean' ELSE 'drift' END,
            finished_at = now()
        FROM (
            SELECT coalesce(sum(x.players_drifted), 0)::bigint AS drifted
            FROM drift_check_casino AS x WHERE x.run_id = p_run_id
        ) AS n
        WHERE r.id = p_run_id
        RETURNING r.* INTO v_run;
        PERFORM report_drift_check(v_run, p_alerts_topic, p_source);
    END IF;
    RETURN QUERY
    SELECT v_run.verdict, v_run.players_checked, v_run.entries_checked, v_run.players_drifted,
        v_run.largest_drift, v_run.started_at, v_run.finished_at;
END
$$;

REVOKE ALL ON FUNCTION close_drift_check(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_drift_check(uuid, text, text) TO loyalty_worker, loyalty_operator;
