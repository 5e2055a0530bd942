-- Changes settings of a casino, all that are given or none, and audits them with before and after.
-- p_settings: a JSON object of names and values, these as text or as JSON's own; null for a cap
-- means that there is none. Returns the changed settings alone, before and after. An unknown name
-- or a value that does not fit is SQLSTATE 22023 with a text that says which.
CREATE OR REPLACE FUNCTION set_casino_settings(p_casino_id uuid, p_settings jsonb)
RETURNS TABLE (
    settings_before jsonb,
    settings_after jsonb
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_before jsonb;
    v_after jsonb;
    v_new casino_settings;
    v_wrong text;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    IF NOT EXISTS (SELECT FROM casino AS c WHERE c.id = p_casino_id) THEN
        PERFORM refuse('LOYALTY_CASINO_UNKNOWN', format('casino %s', p_casino_id));
    END IF;
    v_wrong := wrong_casino_setting(p_settings);
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', v_wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;

    INSERT INTO casino_settings (casino_id) VALUES (p_casino_id) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT v_new
    FROM casino_settings AS s WHERE s.casino_id = p_casino_id FOR UPDATE;
    v_before := to_jsonb(v_new);
    v_new := jsonb_populate_record(v_new, p_settings);
    v_after := to_jsonb(v_new);
    UPDATE casino_settings AS s
    SET max_overdraw_points_per_redeem = v_new.max_overdraw_points_per_redeem,
        max_redeem_points_per_txn = v_new.max_redeem_points_per_txn,
        accrual_enabled = v_new.accrual_enabled,
        timezone = v_new.timezone,
        gaming_day_start = v_new.gaming_day_start,
        updated_at = now()
    WHERE s.casino_id = p_casino_id;

    -- while a casino is switched off nothing that waits for it grows old
    IF v_new.accrual_enabled THEN
        UPDATE accrual_pause AS p SET resumed_at = now()
        WHERE p.casino_id = p_casino_id AND p.resumed_at IS NULL;
    ELSE
        INSERT INTO accrual_pause (casino_id) VALUES (p_casino_id) ON CONFLICT DO NOTHING;
    END IF;

    SELECT coalesce(jsonb_object_agg(b.key, b.value), '{}'),
        coalesce(jsonb_object_agg(b.key, v_after -> b.key), '{}')
    INTO settings_before, settings_after
    FROM jsonb_each(v_before) AS b
    WHERE b.value IS DISTINCT FROM v_after -> b.key;
    PERFORM write_audit(p_casino_id, 'casino', 'set', jsonb_build_object(
        'before', settings_before, 'after', settings_after
    ));
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION set_casino_settings(uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_casino_settings(uuid, jsonb) TO loyalty_operator;
