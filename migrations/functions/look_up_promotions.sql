-- Everything that a decision about promotions needs, one row a promotion, set-wise; it must run as a
-- statement of its own after the players were locked. p_player_id is that of the slip's base accrual
-- as it was known before the locks, null where there was none. campaign_first, key_first and
-- player_first are the ordinals of the first promotion here with the same slip and campaign, key
-- or player. How its look-ups are kept index probes: see look_up_closed_slips.
CREATE OR REPLACE FUNCTION look_up_promotions(
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_campaign_id text[],
    p_promo_multiplier numeric[],
    p_bonus_points bigint[],
    p_idempotency_key uuid[],
    p_player_id uuid[]
) RETURNS TABLE (
    ordinal integer,
    campaign_first integer,
    key_first integer,
    player_first integer,
    accrual_enabled boolean,
    timezone text,
    gaming_day_start time,
    request_hash bytea,
    points numeric,
    slip_is_unrated boolean,
    base_points bigint,
    base_visit_id uuid,
    base_is_reversed boolean,
    entry_id uuid,
    entry_hash bytea,
    key_entry_id uuid,
    newest_entry_no bigint,
    newest_balance bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.*,
            (min(i.ordinality) OVER (
                PARTITION BY i.casino_id, i.rating_slip_id, i.campaign_id
            ))::integer AS campaign_first,
            (min(i.ordinality) OVER (PARTITION BY i.casino_id, i.key))::integer AS key_first,
            (min(i.ordinality) OVER (PARTITION BY i.casino_id, i.player_id))::integer
                AS player_first
        FROM unnest(
            p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
            p_idempotency_key, p_player_id
        ) WITH ORDINALITY AS i (
            casino_id, rating_slip_id, campaign_id, multiplier, bonus, key, player_id, ordinality
        )
    )
    SELECT i.ordinality::integer, i.campaign_first, i.key_first, i.player_first,
        r.accrual_enabled, r.timezone, r.gaming_day_start,
        promotion_hash(i.casino_id, i.rating_slip_id, i.campaign_id, i.multiplier, i.bonus),
        promotion_points(coalesce(b.points_delta, 0), i.multiplier, i.bonus),
        s.status IS NOT NULL
            AND (s.visit_kind <> 'gaming_identified_rated' OR s.player_id IS NULL),
        b.points_delta, b.visit_id, v.id IS NOT NULL,
        e.id, e.payload_hash,
        k.id,
        n.entry_no, n.balance_after
    FROM input AS i
    LEFT JOIN LATERAL (
        SELECT x.* FROM casino_rules AS x WHERE x.casino_id = i.casino_id LIMIT 1
    ) AS r ON true
    LEFT JOIN LATERAL (
        SELECT x.visit_kind, x.player_id, x.status
        FROM rating_slip AS x
        WHERE x.casino_id = i.casino_id AND x.id = i.rating_slip_id AND x.status = 'closed'
        LIMIT 1
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.points_delta, x.visit_id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id BETWEEN i.rating_slip_id AND i.rating_slip_id
            AND x.reason = 'base_accrual'
        ORDER BY x.source_id
        LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.reversed_ledger_id BETWEEN b.id AND b.id
            AND x.reason = 'reversal'
        ORDER BY x.reversed_ledger_id
        LIMIT 1
    ) AS v ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.payload_hash
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id = i.rating_slip_id
            AND x.campaign_id BETWEEN i.campaign_id AND i.campaign_id AND x.reason = 'promotion'
        ORDER BY x.campaign_id
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.idempotency_key BETWEEN i.key AND i.key
        ORDER BY x.idempotency_key
        LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT x.entry_no, x.balance_after
        FROM loyalty_ledger AS x
        WHERE i.player_first = i.ordinality
            AND x.casino_id = i.casino_id AND x.player_id = i.player_id
        ORDER BY x.entry_no DESC
        LIMIT 1
    ) AS n ON true
    ORDER BY i.ordinality;
END
$$;

REVOKE ALL ON FUNCTION
    look_up_promotions(uuid[], uuid[], text[], numeric[], bigint[], uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    look_up_promotions(uuid[], uuid[], text[], numeric[], bigint[], uuid[], uuid[])
TO loyalty_worker;
