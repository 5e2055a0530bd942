-- Provisions a casino; without p_timezone it has the default settings. True where it was added,
-- false where it is there already with the same data; with other data it refuses with
-- LOYALTY_IDEMPOTENCY_CONFLICT. A transaction without scope takes the new casino as its scope.
-- An empty name or an unknown time zone is SQLSTATE 22023.
CREATE OR REPLACE FUNCTION add_casino(
    p_casino_id uuid, p_name text, p_timezone text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_added boolean;
BEGIN
    IF service_scope() IS NULL AND caller_has_role(ARRAY['operator']) THEN
        PERFORM set_service_context(
            ARRAY[p_casino_id], current_setting('app.correlation_id', true)
        );
    END IF;
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    IF coalesce(btrim(p_name), '') = '' THEN
        RAISE EXCEPTION 'a casino needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_timezone IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = p_timezone)
    THEN
        RAISE EXCEPTION 'time zone "%" is not known', p_timezone
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use an IANA name, as Europe/Vienna.';
    END IF;

    INSERT INTO casino (id, name) VALUES (p_casino_id, p_name) ON CONFLICT (id) DO NOTHING;
    v_added := FOUND;
    IF NOT v_added THEN
        IF NOT EXISTS (
            SELECT FROM casino AS c
            JOIN casino_rules AS r ON r.casino_id = c.id
            WHERE c.id = p_casino_id AND c.name = p_name
                AND r.timezone = coalesce(p_timezone, 'UTC')
        ) THEN
            PERFORM refuse(
                'LOYALTY_IDEMPOTENCY_CONFLICT',
                format('casino %s is provisioned with another name or time zone', p_casino_id)
            );
        END IF;
        RETURN v_added;
    END IF;

    IF p_timezone IS NOT NULL THEN
        INSERT INTO casino_settings (casino_id, timezone) VALUES (p_casino_id, p_timezone);
    END IF;
    PERFORM write_audit(p_casino_id, 'casino', 'add', jsonb_build_object(
        'name', p_name, 'timezone', coalesce(p_timezone, 'UTC')
    ));
    RETURN v_added;
END
$$;

REVOKE ALL ON FUNCTION add_casino(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_casino(uuid, text, text) TO loyalty_operator;
