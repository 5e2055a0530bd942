-- What a slip of the caller's casino earns, by the rules of the accrual and with its refusals;
-- nothing is written. A closed slip is judged by its facts, an open one by the time played until
-- p_as_of_ts and its bet as it stands. notes say in words what the figures rest on.
CREATE OR REPLACE FUNCTION evaluate_session_reward_suggestion(
    p_rating_slip_id uuid, p_as_of_ts timestamptz DEFAULT now()
) RETURNS TABLE (
    suggested_theo numeric,
    suggested_points bigint,
    policy_version text,
    max_recommended_points bigint,
    notes text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_casino_id uuid := (SELECT c.casino_id FROM staff_context() AS c);
    v_slip rating_slip;
    v_open boolean;
    v_cap bigint;
    v_refusal text;
    s record;
BEGIN
    PERFORM require_caller(ARRAY[v_casino_id], roles_allowed('read'));
    SELECT * INTO v_slip
    FROM rating_slip AS r WHERE r.casino_id = v_casino_id AND r.id = p_rating_slip_id;
    IF NOT FOUND THEN
        PERFORM refuse('LOYALTY_SLIP_NOT_FOUND');
    END IF;
    v_open := v_slip.status <> 'closed';
    IF v_open THEN
        v_slip.closed_at := coalesce(p_as_of_ts, now());
        -- what the table refuses as the time of a slip
        IF NOT isfinite(v_slip.closed_at) OR v_slip.closed_at >= '10001-01-01 00:00:00+00' THEN
            PERFORM refuse('LOYALTY_FACTS_INVALID', 'p_as_of_ts is no usable time');
        END IF;
        v_slip.duration_seconds := floor(extract(epoch FROM v_slip.closed_at - v_slip.started_at));
    END IF;

    SELECT * INTO STRICT s
    FROM look_up_closed_slips(ARRAY[v_slip], ARRAY[NULL]::uuid[], ARRAY[v_casino_id]);
    v_refusal := CASE
        WHEN coalesce(s.entry_hash, s.recorded_hash) <> s.facts_hash THEN 'LOYALTY_FACTS_CONFLICT'
        WHEN s.entry_id IS NULL AND NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
        WHEN NOT s.earns THEN 'LOYALTY_UNRATED_VISIT'
        WHEN s.entry_id IS NULL AND coalesce(s.newest_balance, 0) + s.points > 1000000000000
            THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
    END;
    IF v_refusal IS NOT NULL THEN
        PERFORM refuse(v_refusal, s.rule_detail);
    END IF;

    SELECT r.max_redeem_points_per_txn INTO v_cap
    FROM casino_rules AS r WHERE r.casino_id = v_casino_id;
    suggested_theo := (s.calc ->> 'theo')::numeric;
    suggested_points := s.points;
    policy_version := s.policy ->> 'policy_version';
    max_recommended_points := least(s.points, v_cap);
    notes := concat_ws('; ',
        CASE
            WHEN v_open THEN format('open slip, %s s played so far', v_slip.duration_seconds)
            WHEN s.entry_id IS NOT NULL THEN 'closed slip, accrued'
            ELSE 'closed slip, not accrued yet'
        END,
        CASE WHEN v_cap < s.points THEN format('limited to %s points per redemption', v_cap) END
    );
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION evaluate_session_reward_suggestion(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION evaluate_session_reward_suggestion(uuid, timestamptz)
TO loyalty_staff, loyalty_postgrest;
