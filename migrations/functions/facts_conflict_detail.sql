-- What a person needs to settle a conflict: what was posted, what these facts would give, and
-- which facts differ. Of players only that they differ: their ids are personal.
CREATE OR REPLACE FUNCTION facts_conflict_detail(
    p_recorded rating_slip, p_recorded_hash bytea, p_recorded_points bigint,
    p_slip rating_slip, p_hash bytea, p_points bigint
) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_recorded text[] := string_to_array(loyalty_facts_text(
        p_recorded.casino_id, p_recorded.id, p_recorded.visit_id, p_recorded.player_id,
        p_recorded.visit_kind, p_recorded.average_bet, p_recorded.duration_seconds,
        p_recorded.closed_at, p_recorded.policy_snapshot
    ), E'\n');
    v_given text[] := string_to_array(loyalty_facts_text(
        p_slip.casino_id, p_slip.id, p_slip.visit_id, p_slip.player_id,
        p_slip.visit_kind, p_slip.average_bet, p_slip.duration_seconds,
        p_slip.closed_at, p_slip.policy_snapshot
    ), E'\n');
    v_differences text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN d.given LIKE 'player_id=%' THEN 'player_id'
            ELSE format('%s (recorded %s)', d.given, split_part(d.recorded, '=', 2))
        END, ', ' ORDER BY d.line)
    INTO v_differences
    FROM unnest(v_recorded, v_given) WITH ORDINALITY AS d (recorded, given, line)
    WHERE d.recorded IS DISTINCT FROM d.given;

    RETURN format(
        'recorded %s points, these facts give %s (difference %s); differing: %s; '
        || 'facts hashes: recorded %s, given %s',
        coalesce(p_recorded_points, 0), coalesce(p_points, 0),
        coalesce(p_points, 0) - coalesce(p_recorded_points, 0),
        CASE
            WHEN p_recorded IS NULL THEN 'unknown, the recorded facts are no longer here'
            ELSE coalesce(v_differences, 'nothing in the slip as it stands now')
        END,
        encode(p_recorded_hash, 'hex'), encode(p_hash, 'hex')
    );
END
$$;

REVOKE ALL ON FUNCTION facts_conflict_detail(
    rating_slip, bytea, bigint, rating_slip, bytea, bigint
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION facts_conflict_detail(
    rating_slip, bytea, bigint, rating_slip, bytea, bigint
) TO loyalty_worker, loyalty_staff, loyalty_postgrest;
