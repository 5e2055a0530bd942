-- Posts a campaign's points on top of a slip's base accrual, once per campaign. The same terms
-- again, under this or another key, return the entry that is there; other terms are
-- LOYALTY_IDEMPOTENCY_CONFLICT. A promotion of 0 points is an entry all the same.
CREATE OR REPLACE FUNCTION rpc_apply_promotion(
    p_casino_id uuid,
    p_rating_slip_id uuid,
    p_campaign_id text,
    p_promo_multiplier numeric,
    p_bonus_points bigint,
    p_idempotency_key uuid
) RETURNS TABLE (
    ledger_id uuid,
    promo_points_delta bigint,
    balance_after bigint,
    is_existing boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_base loyalty_ledger;
    v_entry loyalty_ledger;
    v_points numeric;
    v_hash bytea := promotion_hash(
        p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points
    );
BEGIN
    PERFORM require_request(
        p_casino_id, 'promotion', (SELECT c.actor_id FROM staff_context() AS c), p_idempotency_key
    );
    -- a longer id does not fit into the index that tells campaigns apart
    IF is_blank(p_campaign_id) OR octet_length(p_campaign_id) > 1000
        OR promotion_points(0, p_promo_multiplier, p_bonus_points) IS NULL
    THEN
        PERFORM refuse('LOYALTY_PROMOTION_INVALID');
    END IF;
    -- entries never change: whose it is may be read before the player is locked
    v_base := base_accrual_of(p_casino_id, p_rating_slip_id);
    IF v_base.id IS NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
        PERFORM refuse_promotion_without_base(p_casino_id, p_rating_slip_id);
    END IF;
    -- nothing is locked for an entry that is there: where a cached balance is missing, the row
    -- that is created to be locked would stay without an entry of its own
    v_entry := promotion_of(p_casino_id, p_rating_slip_id, p_campaign_id);
    IF v_entry.id IS NOT NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
    ELSE
        v_entry := begin_entry(p_casino_id, v_base.player_id, p_idempotency_key, v_hash);
        IF v_entry.id IS NULL THEN
            v_entry := promotion_of(p_casino_id, p_rating_slip_id, p_campaign_id);
        END IF;
    END IF;

    is_existing := v_entry.id IS NOT NULL;
    IF is_existing AND v_entry.payload_hash <> v_hash THEN
        PERFORM refuse(
            'LOYALTY_IDEMPOTENCY_CONFLICT',
            format('the campaign is on the slip with other terms, entry %s', v_entry.id)
        );
    END IF;
    IF NOT is_existing THEN
        IF NOT (SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_casino_id)
        THEN
            PERFORM refuse('LOYALTY_ACCRUAL_DISABLED');
        ELSIF (reversal_of(p_casino_id, v_base.id)).id IS NOT NULL THEN
            PERFORM refuse('LOYALTY_BASE_REVERSED');
        END IF;
        v_points := promotion_points(v_base.points_delta, p_promo_multiplier, p_bonus_points);
        IF v_points > 1000000000000 THEN
            PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'points of the promotion');
        END IF;
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := v_base.player_id;
        v_entry.points_delta := v_points;
        v_entry.reason := 'promotion';
        v_entry.rating_slip_id := p_rating_slip_id;
        v_entry.visit_id := v_base.visit_id;
        v_entry.staff_id := (SELECT c.actor_id FROM staff_context() AS c);
        v_entry.campaign_id := p_campaign_id;
        v_entry.source_kind := 'rating_slip';
        v_entry.source_id := p_rating_slip_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.metadata := jsonb_build_object('calc', jsonb_build_object(
            'base_points', v_base.points_delta, 'multiplier', trim_scale(p_promo_multiplier),
            'bonus', p_bonus_points, 'points', v_points
        ));
        v_entry := post_entry(v_entry);
    END IF;
    ledger_id := v_entry.id;
    promo_points_delta := v_entry.points_delta;
    balance_after := v_entry.balance_after;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION rpc_apply_promotion(uuid, uuid, text, numeric, bigint, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_apply_promotion(uuid, uuid, text, numeric, bigint, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
