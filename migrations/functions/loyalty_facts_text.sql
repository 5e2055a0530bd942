-- The canonical text of a slip's facts, version 1: one "name=value" a line, "-" for what is
-- absent or null. Numbers in their shortest form, times in microseconds of UTC since 1970,
-- policy fields that are no plain decimals as JSON. It is frozen by schemas/facts-hash-vectors.json:
-- another text for the same facts would turn every replayed event into a conflict.
CREATE OR REPLACE FUNCTION loyalty_facts_text(
    p_casino_id uuid,
    p_rating_slip_id uuid,
    p_visit_id uuid,
    p_player_id uuid,
    p_visit_kind text,
    p_average_bet numeric,
    p_duration_seconds bigint,
    p_closed_at timestamptz,
    p_policy_snapshot jsonb
) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_decimal CONSTANT text := '^[0-9]{1,18}(?:\.[0-9]{1,100})?$';
    v_policy jsonb := nullif(p_policy_snapshot -> 'loyalty', 'null');
BEGIN
    RETURN concat(
        'loyalty-facts-v1',
        E'\ncasino_id=', coalesce(p_casino_id::text, '-'),
        E'\nrating_slip_id=', coalesce(p_rating_slip_id::text, '-'),
        E'\nvisit_id=', coalesce(p_visit_id::text, '-'),
        E'\nplayer_id=', coalesce(p_player_id::text, '-'),
        E'\nvisit_kind=', coalesce(p_visit_kind, '-'),
        E'\naverage_bet=', coalesce(trim_scale(p_average_bet)::text, '-'),
        E'\nduration_seconds=', coalesce(p_duration_seconds::text, '-'),
        E'\nclosed_at=',
        coalesce((extract(epoch FROM p_closed_at) * 1000000)::bigint::text, '-'),
        E'\nhouse_edge=', coalesce(
            trim_scale(substring(v_policy ->> 'house_edge' FROM v_decimal)::numeric)::text,
            nullif(v_policy -> 'house_edge', 'null')::text, '-'
        ),
        E'\ndecisions_per_hour=', coalesce(
            trim_scale(
                substring(v_policy ->> 'decisions_per_hour' FROM v_decimal)::numeric
            )::text,
            nullif(v_policy -> 'decisions_per_hour', 'null')::text, '-'
        ),
        E'\npoints_conversion_rate=', coalesce(
            trim_scale(
                substring(v_policy ->> 'points_conversion_rate' FROM v_decimal)::numeric
            )::text,
            nullif(v_policy -> 'points_conversion_rate', 'null')::text, '-'
        ),
        E'\npolicy_version=', coalesce(nullif(v_policy -> 'policy_version', 'null')::text, '-')
    );
END
$$;

REVOKE ALL ON FUNCTION loyalty_facts_text(
    uuid, uuid, uuid, uuid, text, numeric, bigint, timestamptz, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_facts_text(
    uuid, uuid, uuid, uuid, text, numeric, bigint, timestamptz, jsonb
) TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
