-- Judges a closed slip by its own facts and policy alone: does it earn, how much, or which refusal
-- stands against it. The points are a function of these arguments and of nothing else, so that
-- an event replayed years later gives the same points. Slips that earn nothing need no snapshot.
CREATE OR REPLACE FUNCTION assess_closed_slip(
    p_visit_kind text,
    p_player_id uuid,
    p_average_bet numeric,
    p_started_at timestamptz,
    p_closed_at timestamptz,
    p_duration_seconds bigint,
    p_policy_snapshot jsonb,
    OUT earns boolean,
    OUT refusal text,
    OUT detail text,
    OUT points bigint,
    OUT calc jsonb,
    OUT policy jsonb
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_terms record;
    v_result record;
BEGIN
    earns := coalesce(
        p_visit_kind = 'gaming_identified_rated' AND p_player_id IS NOT NULL, false
    );
    IF earns THEN
        v_terms := loyalty_policy_terms(p_policy_snapshot);
        refusal := v_terms.refusal;
        detail := v_terms.detail;
    END IF;
    IF refusal IS NOT NULL THEN
        RETURN;
    END IF;

    detail := CASE
        WHEN NOT coalesce(p_average_bet BETWEEN 0 AND 1e18, false) THEN 'average_bet is no usable amount'
        WHEN NOT coalesce(p_duration_seconds >= 0, false) THEN 'duration_seconds is negative'
        WHEN NOT coalesce(
            p_duration_seconds <= extract(epoch FROM p_closed_at - p_started_at), false
        ) THEN 'duration_seconds exceeds closed_at - started_at'
    END;
    IF detail IS NOT NULL THEN
        refusal := 'LOYALTY_FACTS_INVALID';
        RETURN;
    ELSIF NOT earns THEN
        RETURN;
    END IF;

    v_result := loyalty_points_v1(
        p_average_bet, v_terms.house_edge, v_terms.decisions_per_hour, p_duration_seconds,
        v_terms.points_conversion_rate
    );
    IF v_result.points > 1000000000000 THEN
        refusal := 'LOYALTY_POINTS_OUT_OF_RANGE';
        detail := 'points of the slip';
        RETURN;
    END IF;
    points := v_result.points;
    calc := jsonb_build_object(
        'average_bet', p_average_bet,
        'house_edge', v_terms.house_edge,
        'decisions_per_hour', v_terms.decisions_per_hour,
        'duration_seconds', p_duration_seconds,
        'points_conversion_rate', v_terms.points_conversion_rate,
        'theo', v_result.theo,
        'points', points
    );
    policy := jsonb_build_object(
        'policy_version', v_terms.policy_version, 'rounding', v_terms.rounding
    );
END
$$;

REVOKE ALL ON FUNCTION assess_closed_slip(
    text, uuid, numeric, timestamptz, timestamptz, bigint, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION assess_closed_slip(
    text, uuid, numeric, timestamptz, timestamptz, bigint, jsonb
) TO loyalty_worker, loyalty_staff, loyalty_postgrest;
