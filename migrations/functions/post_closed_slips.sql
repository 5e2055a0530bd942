-- The worker's posting: parallel arrays, one element a record, in the order of the partition; one
-- row per element, in the same order. verdict: accrued, duplicate (duplicate_by key or
-- natural_key), skipped, refused (refusal by name, detail without personal data). points are
-- those minted now. Raises 23505 where another transaction was faster: retry the whole batch.
CREATE OR REPLACE FUNCTION post_closed_slips(
    p_event_source text[],
    p_event_id text[],
    p_topic text,
    p_partition integer,
    p_offset bigint[],
    p_idempotency_key uuid[],
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_visit_id uuid[],
    p_visit_kind text[],
    p_player_id uuid[],
    p_table_id uuid[],
    p_game_type text[],
    p_average_bet numeric[],
    p_started_at timestamptz[],
    p_closed_at timestamptz[],
    p_duration_seconds bigint[],
    p_gaming_day date[],
    p_policy_snapshot text[]
) RETURNS TABLE (
    ordinal integer,
    verdict text,
    duplicate_by text,
    refusal text,
    detail text,
    points bigint,
    ledger_id uuid
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_slips rating_slip[];
    v_events jsonb[];
BEGIN
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    -- in the order of the table's columns; a column more or less fails the cast at once
    SELECT
        array_agg(ROW(
            r.casino_id, r.id, r.player_id, r.visit_id, r.visit_kind, r.table_id, r.game_type,
            r.average_bet, r.started_at, r.closed_at, r.duration_seconds, 'closed',
            r.policy_snapshot::jsonb, r.gaming_day, NULL, NULL
        )::rating_slip ORDER BY r.ordinal),
        array_agg(jsonb_build_object(
            'source', r.event_source, 'id', r.event_id, 'topic', p_topic,
            'partition', p_partition, 'offset', r.record_offset
        ) ORDER BY r.ordinal)
    INTO v_slips, v_events
    FROM unnest(
        p_event_source, p_event_id, p_offset, p_casino_id, p_rating_slip_id, p_visit_id,
        p_visit_kind, p_player_id, p_table_id, p_game_type, p_average_bet, p_started_at,
        p_closed_at, p_duration_seconds, p_gaming_day, p_policy_snapshot
    ) WITH ORDINALITY AS r (
        event_source, event_id, record_offset, casino_id, id, visit_id,
        visit_kind, player_id, table_id, game_type, average_bet, started_at,
        closed_at, duration_seconds, gaming_day, policy_snapshot, ordinal
    );
    RETURN QUERY SELECT * FROM accrue_closed_slips(v_slips, p_idempotency_key, v_events);
END
$$;

REVOKE ALL ON FUNCTION post_closed_slips(
    text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], uuid[], text[], uuid[], uuid[],
    text[], numeric[], timestamptz[], timestamptz[], bigint[], date[], text[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_closed_slips(
    text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], uuid[], text[], uuid[], uuid[],
    text[], numeric[], timestamptz[], timestamptz[], bigint[], date[], text[]
) TO loyalty_worker;
