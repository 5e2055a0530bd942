-- Settles the promotions that waited for slips which this transaction has just accrued or skipped,
-- in the order in which they came: posts them, or makes a letter of one that is refused. Returns
-- what became of each, by the topic it came from; what must wait on is not returned. The slips'
-- players are locked by then.
CREATE OR REPLACE FUNCTION release_parked_promotions(
    p_casino_id uuid[], p_rating_slip_id uuid[]
) RETURNS TABLE (
    topic text,
    outcome text,
    duplicate_by text,
    reason text,
    sqlstate text,
    points bigint
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_parked parked_event[] := ARRAY(
        SELECT e FROM parked_promotions_of(p_casino_id, p_rating_slip_id) AS e
    );
    v_ids bigint[] := '{}';
    v_outcomes text[] := '{}';
    v_reasons text[] := '{}';
    v_details text[] := '{}';
    v_states text[] := '{}';
    p record;
BEGIN
    IF v_parked = '{}' THEN
        RETURN;
    END IF;
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    FOR p IN
        SELECT a.verdict, a.duplicate_by, a.refusal, a.detail, a.points, f.sqlstate AS state,
            v_parked[a.ordinal] AS event
        FROM (
            SELECT array_agg(e.casino_id) AS casino_id, array_agg(e.rating_slip_id) AS slip_id,
                array_agg(e.campaign_id) AS campaign_id,
                array_agg(e.promo_multiplier) AS multiplier, array_agg(e.bonus_points) AS bonus,
                array_agg(e.idempotency_key) AS key, array_agg(e.occurred_at) AS occurred_at,
                array_agg(jsonb_build_object(
                    'source', e.event_source, 'id', e.event_id, 'topic', e.topic,
                    'partition', e.partition, 'offset', e."offset"
                )) AS event
            FROM unnest(v_parked) AS e
        ) AS i
        CROSS JOIN LATERAL apply_promotions(
            i.casino_id, i.slip_id, i.campaign_id, i.multiplier, i.bonus, i.key, i.occurred_at,
            i.event
        ) AS a
        LEFT JOIN loyalty_refusals() AS f ON f.name = a.refusal
        ORDER BY a.ordinal
    LOOP
        CONTINUE WHEN p.refusal IN ('LOYALTY_ACCRUAL_DISABLED', 'LOYALTY_BASE_NOT_ACCRUED');
        topic := (p.event).topic;
        outcome := CASE WHEN p.refusal IS NULL THEN p.verdict ELSE 'dead_lettered' END;
        duplicate_by := p.duplicate_by;
        reason := p.refusal;
        sqlstate := p.state;
        points := p.points;
        v_ids := array_append(v_ids, (p.event).id);
        v_outcomes := array_append(v_outcomes, outcome);
        v_reasons := array_append(v_reasons, reason);
        v_details := array_append(v_details, p.detail);
        v_states := array_append(v_states, sqlstate);
        RETURN NEXT;
    END LOOP;
    PERFORM close_parked_events(v_ids, v_outcomes, v_reasons, v_details, v_states);
END
$$;

REVOKE ALL ON FUNCTION release_parked_promotions(uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release_parked_promotions(uuid[], uuid[]) TO loyalty_worker;
