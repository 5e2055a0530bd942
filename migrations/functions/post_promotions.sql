-- The worker's posting of promotions: parallel arrays, one element a record, in the order of the
-- partition; one row per element, in the same order, as post_closed_slips gives them. Raises 23505
-- where another transaction was faster: retry the whole batch.
CREATE OR REPLACE FUNCTION post_promotions(
    p_event_source text[],
    p_event_id text[],
    p_topic text,
    p_partition integer,
    p_offset bigint[],
    p_idempotency_key uuid[],
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_campaign_id text[],
    p_promo_multiplier numeric[],
    p_bonus_points bigint[],
    p_occurred_at timestamptz[]
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
BEGIN
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    RETURN QUERY SELECT * FROM apply_promotions(
        p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
        p_idempotency_key, p_occurred_at,
        ARRAY(
            SELECT jsonb_build_object(
                'source', r.event_source, 'id', r.event_id, 'topic', p_topic,
                'partition', p_partition, 'offset', r.record_offset
            )
            FROM unnest(p_event_source, p_event_id, p_offset) WITH ORDINALITY
                AS r (event_source, event_id, record_offset, ordinal)
            ORDER BY r.ordinal
        )
    );
END
$$;

REVOKE ALL ON FUNCTION post_promotions(
    text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], text[], numeric[], bigint[],
    timestamptz[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_promotions(
    text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], text[], numeric[], bigint[],
    timestamptz[]
) TO loyalty_worker;
