-- Claims a tick of the schedule and, where nobody did before, puts its request into the outbox;
-- says whether.
CREATE OR REPLACE FUNCTION claim_drift_tick(
    p_scheduled_for timestamptz,
    p_claimed_by text,
    p_topic text,
    p_key bytea,
    p_value bytea,
    p_headers jsonb
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO drift_tick (scheduled_for, claimed_by)
    VALUES (p_scheduled_for, p_claimed_by)
    ON CONFLICT (scheduled_for) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO outbox_record (topic, key, value, headers)
    VALUES (p_topic, p_key, p_value, p_headers);
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION claim_drift_tick(timestamptz, text, text, bytea, bytea, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_drift_tick(timestamptz, text, text, bytea, bytea, jsonb)
TO loyalty_worker;
