-- The first thing wrong with settings of a casino as set_casino_settings takes them, in a sentence;
-- null for nothing.
CREATE OR REPLACE FUNCTION wrong_casino_setting(p_settings jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF jsonb_typeof(p_settings) IS DISTINCT FROM 'object' OR p_settings = '{}' THEN
        RETURN 'settings are a JSON object of at least one name and value';
    END IF;
    RETURN (
        SELECT CASE
            WHEN s.name NOT IN (
                'max_overdraw_points_per_redeem', 'max_redeem_points_per_txn', 'accrual_enabled',
                'timezone', 'gaming_day_start'
            ) THEN format(
                'setting "%s" is not known; known are max_overdraw_points_per_redeem,'
                ' max_redeem_points_per_txn, accrual_enabled, timezone, gaming_day_start', s.name
            )
            WHEN s.name LIKE 'max%' AND s.value IS NOT NULL
                AND NOT (s.value ~ '^[0-9]{1,13}$' AND left(s.value, 13)::numeric <= 1000000000000)
                THEN format(
                    '%s is a whole number from 0 to 1000000000000, or null for no cap', s.name
                )
            WHEN s.name = 'accrual_enabled' AND NOT coalesce(s.value IN ('true', 'false'), false)
                THEN 'accrual_enabled is true or false'
            WHEN s.name = 'timezone' AND NOT EXISTS (
                SELECT FROM pg_timezone_names AS z WHERE z.name = s.value
            ) THEN 'timezone is an IANA name known to the database, as Europe/Vienna'
            WHEN s.name = 'gaming_day_start'
                AND NOT coalesce(s.value ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$', false)
                THEN 'gaming_day_start is a time from 00:00 to 23:59, as 06:00'
        END AS wrong
        FROM jsonb_each_text(p_settings) AS s (name, value)
        ORDER BY 1 NULLS LAST
        LIMIT 1
    );
END
$$;

REVOKE ALL ON FUNCTION wrong_casino_setting(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrong_casino_setting(jsonb) TO loyalty_operator;
