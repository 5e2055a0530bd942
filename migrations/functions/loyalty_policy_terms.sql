-- Reads the four policy fields of a slip's snapshot, or says by name why they cannot be used:
-- what is absent or null before what is unusable. There are no defaults.
CREATE OR REPLACE FUNCTION loyalty_policy_terms(
    p_policy_snapshot jsonb,
    OUT house_edge numeric,
    OUT decisions_per_hour numeric,
    OUT points_conversion_rate numeric,
    OUT policy_version text,
    OUT rounding text,
    OUT refusal text,
    OUT detail text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_fields CONSTANT text[] := ARRAY[
        'house_edge', 'decisions_per_hour', 'points_conversion_rate', 'policy_version'
    ];
    v_policy jsonb := nullif(p_policy_snapshot -> 'loyalty', 'null');
    v_field text;
BEGIN
    IF v_policy IS NULL THEN
        refusal := CASE
            WHEN jsonb_typeof(p_policy_snapshot) IN ('object', 'null')
                OR p_policy_snapshot IS NULL THEN 'LOYALTY_SNAPSHOT_MISSING'
            ELSE 'LOYALTY_SNAPSHOT_INVALID'
        END;
        detail := 'policy_snapshot.loyalty';
        RETURN;
    ELSIF jsonb_typeof(v_policy) <> 'object' THEN
        refusal := 'LOYALTY_SNAPSHOT_INVALID';
        detail := 'policy_snapshot.loyalty';
        RETURN;
    END IF;

    FOREACH v_field IN ARRAY v_fields LOOP
        IF coalesce(v_policy -> v_field, 'null') = 'null' THEN
            refusal := 'LOYALTY_SNAPSHOT_MISSING';
            detail := 'policy_snapshot.loyalty.' || v_field;
            RETURN;
        END IF;
    END LOOP;

    house_edge := loyalty_json_number(v_policy -> 'house_edge');
    decisions_per_hour := loyalty_json_number(v_policy -> 'decisions_per_hour');
    points_conversion_rate := loyalty_json_number(v_policy -> 'points_conversion_rate');
    v_field := CASE
        WHEN NOT loyalty_number_usable(house_edge) THEN v_fields[1]
        WHEN NOT loyalty_number_usable(decisions_per_hour) THEN v_fields[2]
        WHEN NOT loyalty_number_usable(points_conversion_rate) THEN v_fields[3]
        WHEN jsonb_typeof(v_policy -> 'policy_version') <> 'string' THEN v_fields[4]
    END;
    IF v_field IS NOT NULL THEN
        refusal := 'LOYALTY_SNAPSHOT_INVALID';
        detail := 'policy_snapshot.loyalty.' || v_field;
        RETURN;
    END IF;

    policy_version := v_policy ->> 'policy_version';
    SELECT v.rounding INTO rounding
    FROM loyalty_policy_version AS v WHERE v.policy_version = v_policy ->> 'policy_version';
    IF NOT FOUND THEN
        refusal := 'LOYALTY_POLICY_UNKNOWN';
        detail := 'policy_snapshot.loyalty.policy_version';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION loyalty_policy_terms(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_policy_terms(jsonb)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
