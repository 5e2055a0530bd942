-- Reads the four policy fields of a slip's snapshot, or says by name why they cannot be used:
-- what is absent or null before what is unusable. There are no defaults. A number may stand as a
-- JSON number or as a text ("1.50"); usable is a plain decimal, finite, not negative, of a size
-- for which exact arithmetic stays cheap.
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
    v_decimal CONSTANT text := '^[0-9]{1,18}(?:\.[0-9]{1,100})?$';
    v_policy jsonb := p_policy_snapshot -> 'loyalty';
BEGIN
    house_edge := substring(v_policy ->> 'house_edge' FROM v_decimal)::numeric;
    decisions_per_hour := substring(v_policy ->> 'decisions_per_hour' FROM v_decimal)::numeric;
    points_conversion_rate :=
        substring(v_policy ->> 'points_conversion_rate' FROM v_decimal)::numeric;
    SELECT v.policy_version, v.rounding INTO policy_version, rounding
    FROM loyalty_policy_version AS v WHERE v.policy_version = v_policy ->> 'policy_version';
    IF house_edge + decisions_per_hour + points_conversion_rate IS NOT NULL
        AND policy_version IS NOT NULL
    THEN
        RETURN;
    END IF;

    detail := 'policy_snapshot.loyalty' || CASE
        WHEN v_policy ->> 'house_edge' IS NULL THEN '.house_edge'
        WHEN v_policy ->> 'decisions_per_hour' IS NULL THEN '.decisions_per_hour'
        WHEN v_policy ->> 'points_conversion_rate' IS NULL THEN '.points_conversion_rate'
        WHEN v_policy ->> 'policy_version' IS NULL THEN '.policy_version'
    END;
    IF detail IS NOT NULL THEN
        refusal := CASE
            WHEN coalesce(jsonb_typeof(p_policy_snapshot), 'null') NOT IN ('object', 'null')
                OR coalesce(jsonb_typeof(v_policy), 'null') NOT IN ('object', 'null')
            THEN 'LOYALTY_SNAPSHOT_INVALID'
            ELSE 'LOYALTY_SNAPSHOT_MISSING'
        END;
        RETURN;
    END IF;
    detail := 'policy_snapshot.loyalty' || CASE
        WHEN house_edge IS NULL THEN '.house_edge'
        WHEN decisions_per_hour IS NULL THEN '.decisions_per_hour'
        WHEN points_conversion_rate IS NULL THEN '.points_conversion_rate'
        ELSE '.policy_version'
    END;
    refusal := CASE
        WHEN house_edge + decisions_per_hour + points_conversion_rate IS NULL
            OR jsonb_typeof(v_policy -> 'policy_version') <> 'string'
        THEN 'LOYALTY_SNAPSHOT_INVALID'
        ELSE 'LOYALTY_POLICY_UNKNOWN'
    END;
END
$$;

REVOKE ALL ON FUNCTION loyalty_policy_terms(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_policy_terms(jsonb)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
