-- Audits a run that was closed just now and puts its alerts into the outbox: one record per finding
-- and one for the run, also where it is clean. Their ids follow from the run, so that whoever reads
-- a record twice can tell.
CREATE OR REPLACE FUNCTION report_drift_check(
    p_run drift_check_run, p_alerts_topic text, p_source text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_severities json;
    v_casinos json;
BEGIN
    PERFORM write_audit(f.casino_id, 'drift', 'drift_detected', jsonb_build_object(
            'run_id', f.run_id, 'player_id', f.player_id, 'kind', f.kind, 'drift', f.drift,
            'severity', f.severity
        )),
        publish_event(
            p_alerts_topic, concat_ws(':', f.casino_id, f.player_id), p_source,
            concat_ws(':', f.run_id, f.casino_id, f.player_id, f.kind),
            'loyalty.balance-drift.detected.v1', f.detected_at,
            json_build_object(
                'severity', f.severity, 'kind', f.kind,
                'casino_id', f.casino_id, 'player_id', f.player_id,
                'current_balance', f.current_balance, 'computed_balance', f.computed_balance,
                'drift', f.drift, 'drift_percentage', f.drift_percentage,
                'ledger_entry_count', f.ledger_entry_count,
                'last_ledger_update', rfc3339_time(f.last_ledger_update),
                'run_id', f.run_id, 'detected_at', rfc3339_time(f.detected_at)
            )
        )
    FROM (
        SELECT * FROM drift_finding AS x
        WHERE x.run_id = p_run.id
        ORDER BY x.casino_id, x.player_id, x.kind
    ) AS f;

    SELECT json_build_object(
        'critical', count(*) FILTER (WHERE f.severity = 'critical'),
        'warning', count(*) FILTER (WHERE f.severity = 'warning'),
        'info', count(*) FILTER (WHERE f.severity = 'info')
    ) INTO v_severities
    FROM drift_finding AS f WHERE f.run_id = p_run.id;
    SELECT coalesce(json_agg(json_build_object(
        'casino_id', n.casino_id, 'players_checked', n.players_checked,
        'players_drifted', n.players_drifted
    ) ORDER BY n.casino_id), '[]') INTO v_casinos
    FROM drift_check_casino AS n WHERE n.run_id = p_run.id;

    PERFORM write_audit(p_run.casino_id, 'drift', 'drift_check_completed', jsonb_build_object(
        'run_id', p_run.id, 'trigger', p_run.trigger, 'verdict', p_run.verdict,
        'players_checked', p_run.players_checked, 'entries_checked', p_run.entries_checked,
        'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
        'severities', v_severities
    ));
    PERFORM publish_event(
        p_alerts_topic, p_run.casino_id::text, p_source, p_run.id || ':completed',
        'loyalty.drift-check.completed.v1', p_run.finished_at,
        json_build_object(
            'run_id', p_run.id, 'trigger', p_run.trigger, 'casino_id', p_run.casino_id,
            'verdict', p_run.verdict,
            'started_at', rfc3339_time(p_run.started_at),
            'finished_at', rfc3339_time(p_run.finished_at),
            'players_checked', p_run.players_checked, 'entries_checked', p_run.entries_checked,
            'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
            'severities', v_severities, 'casinos', v_casinos
        )
    );
END
$$;

REVOKE ALL ON FUNCTION report_drift_check(drift_check_run, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report_drift_check(drift_check_run, text, text)
TO loyalty_worker, loyalty_operator;
