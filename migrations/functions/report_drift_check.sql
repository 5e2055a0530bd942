-- Audits a run that was closed just now and puts its alerts into the outbox: one record per finding
-- and one for the run, also where it is clean, as structured CloudEvents. Their ids follow from the
-- run, so that whoever reads a record twice can tell. Of findings there may be as many as players:
-- they go in one statement each, past write_audit, whose columns they have.
CREATE OR REPLACE FUNCTION report_drift_check(
    p_run drift_check_run, p_alerts_topic text, p_source text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC'
SET jit = off
AS $$
DECLARE
    v_time CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    v_severities json;
    v_casinos json;
BEGIN
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

    INSERT INTO audit_log (casino_id, domain, action, actor_name, correlation_id, details)
    SELECT f.casino_id, 'drift', 'drift_detected',
        coalesce(nullif(current_setting('app.actor_name', true), ''), session_user),
        nullif(current_setting('app.correlation_id', true), ''),
        jsonb_build_object(
            'run_id', f.run_id, 'player_id', f.player_id, 'kind', f.kind, 'drift', f.drift,
            'severity', f.severity
        )
    FROM drift_finding AS f
    WHERE f.run_id = p_run.id
    ORDER BY f.casino_id, f.player_id, f.kind;
    PERFORM write_audit(p_run.casino_id, 'drift', 'drift_check_completed', jsonb_build_object(
        'run_id', p_run.id, 'trigger', p_run.trigger, 'verdict', p_run.verdict,
        'players_checked', p_run.players_checked, 'entries_checked', p_run.entries_checked,
        'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
        'severities', v_severities
    ));

    INSERT INTO outbox_record (topic, key, value, headers)
    SELECT p_alerts_topic, convert_to(e.key, 'UTF8'),
        convert_to(json_build_object(
            'specversion', '1.0', 'id', e.id, 'source', p_source, 'type', e.type,
            'time', to_char(e.time, v_time), 'datacontenttype', 'application/json',
            'data', e.data
        )::text, 'UTF8'),
        jsonb_build_array(jsonb_build_array(
            encode('content-type', 'base64'),
            encode('application/cloudevents+json; charset=UTF-8', 'base64')
        ))
    FROM (
        SELECT 1 AS place, f.casino_id, f.player_id, f.kind,
            f.casino_id || ':' || f.player_id AS key,
            f.run_id || ':' || f.casino_id || ':' || f.player_id || ':' || f.kind AS id,
            'loyalty.balance-drift.detected.v1' AS type,
            f.detected_at AS time,
            json_build_object(
                'severity', f.severity, 'kind', f.kind,
                'casino_id', f.casino_id, 'player_id', f.player_id,
                'current_balance', f.current_balance, 'computed_balance', f.computed_balance,
                'drift', f.drift, 'drift_percentage', f.drift_percentage,
                'ledger_entry_count', f.ledger_entry_count,
                'last_ledger_update', to_char(f.last_ledger_update, v_time),
                'run_id', f.run_id, 'detected_at', to_char(f.detected_at, v_time)
            ) AS data
        FROM drift_finding AS f
        WHERE f.run_id = p_run.id
        UNION ALL
        SELECT 2, NULL, NULL, NULL,
            p_run.casino_id::text, p_run.id || ':completed', 'loyalty.drift-check.completed.v1',
            p_run.finished_at,
            json_build_object(
                'run_id', p_run.id, 'trigger', p_run.trigger, 'casino_id', p_run.casino_id,
                'verdict', p_run.verdict,
                'started_at', to_char(p_run.started_at, v_time),
                'finished_at', to_char(p_run.finished_at, v_time),
                'players_checked', p_run.players_checked,
                'entries_checked', p_run.entries_checked,
                'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
                'severities', v_severities, 'casinos', v_casinos
            )
    ) AS e
    ORDER BY e.place, e.casino_id, e.player_id, e.kind;
END
$$;

REVOKE ALL ON FUNCTION report_drift_check(drift_check_run, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report_drift_check(drift_check_run, text, text)
TO loyalty_worker, loyalty_operator;
