-- Posts promotions in the order given, with the outcome of one by one: lock the players, look
-- everything up, decide in memory, write. What exists decides first. A refusal is a value here;
-- LOYALTY_ACCRUAL_DISABLED and LOYALTY_BASE_NOT_ACCRUED mean that the promotion is to wait. Only
-- players of slips that were accrued before the locks are locked: a promotion whose slip became
-- known meanwhile waits as well, and the sweeper finds it. Two transactions with one key on two
-- players raise 23505: retry. p_events goes into the entries' metadata.
CREATE OR REPLACE FUNCTION apply_promotions(
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_campaign_id text[],
    p_promo_multiplier numeric[],
    p_bonus_points bigint[],
    p_idempotency_key uuid[],
    p_occurred_at timestamptz[],
    p_events jsonb[]
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
    v_known uuid[];
    v_player uuid[];
    v_created player_loyalty[];
    v_entries loyalty_ledger[] := '{}';
    -- what is known by now, at the ordinal of the first promotion with that campaign, key, player
    v_campaign_entry uuid[];
    v_campaign_hash bytea[];
    v_key_entry uuid[];
    v_entry_no bigint[];
    v_balance bigint[];
    v_entry loyalty_ledger;
    s record;
BEGIN
    v_known := ARRAY(SELECT c.id FROM casino AS c WHERE c.id = ANY (p_casino_id));
    v_player := players_of_slips(p_casino_id, p_rating_slip_id);
    v_created := ARRAY(
        SELECT b
        FROM (
            SELECT array_agg(i.casino_id) AS casino_ids, array_agg(i.player_id) AS player_ids
            FROM unnest(p_casino_id, v_player) AS i (casino_id, player_id)
            WHERE i.player_id IS NOT NULL
        ) AS p
        CROSS JOIN LATERAL lock_player_balances(p.casino_ids, p.player_ids) AS b
    );

    FOR s IN
        SELECT * FROM look_up_promotions(
            p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
            p_idempotency_key, v_player
        )
    LOOP
        IF s.campaign_first = s.ordinal THEN
            v_campaign_entry[s.ordinal] := s.entry_id;
            v_campaign_hash[s.ordinal] := s.entry_hash;
        END IF;
        IF s.key_first = s.ordinal THEN
            v_key_entry[s.ordinal] := s.key_entry_id;
        END IF;
        IF s.player_first = s.ordinal THEN
            v_entry_no[s.ordinal] := coalesce(s.newest_entry_no, 0);
            v_balance[s.ordinal] := coalesce(s.newest_balance, 0);
        END IF;

        refusal := CASE
            WHEN NOT p_casino_id[s.ordinal] = ANY (v_known) THEN 'LOYALTY_CASINO_UNKNOWN'
            WHEN p_idempotency_key[s.ordinal] IS NULL THEN 'LOYALTY_IDEMPOTENCY_REQUIRED'
            WHEN is_blank(p_campaign_id[s.ordinal])
                OR octet_length(p_campaign_id[s.ordinal]) > 1000 OR s.points IS NULL
                THEN 'LOYALTY_PROMOTION_INVALID'
            WHEN v_campaign_hash[s.campaign_first] <> s.request_hash
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_key_entry[s.key_first] IS NOT NULL
                AND v_key_entry[s.key_first]
                    IS DISTINCT FROM v_campaign_entry[s.campaign_first]
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_campaign_entry[s.campaign_first] IS NOT NULL THEN NULL
            WHEN s.base_points IS NULL AND s.slip_is_unrated THEN NULL
            WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
            WHEN s.base_points IS NULL OR v_player[s.ordinal] IS NULL
                THEN 'LOYALTY_BASE_NOT_ACCRUED'
            WHEN s.base_is_reversed THEN 'LOYALTY_BASE_REVERSED'
            WHEN s.points > 1000000000000
                OR v_balance[s.player_first] + s.points > 1000000000000
                THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
        END;

        ordinal := s.ordinal;
        points := 0;
        ledger_id := NULL;
        detail := NULL;
        duplicate_by := NULL;
        IF refusal IS NOT NULL THEN
            verdict := 'refused';
            detail := CASE
                WHEN refusal <> 'LOYALTY_IDEMPOTENCY_CONFLICT' THEN NULL
                WHEN v_campaign_hash[s.campaign_first] <> s.request_hash THEN format(
                    'the campaign is on the slip with other terms, entry %s',
                    v_campaign_entry[s.campaign_first]
                )
                ELSE format('the key belongs to entry %s', v_key_entry[s.key_first])
            END;
        ELSIF v_campaign_entry[s.campaign_first] IS NOT NULL THEN
            verdict := 'duplicate';
            ledger_id := v_campaign_entry[s.campaign_first];
            duplicate_by := CASE
                WHEN v_key_entry[s.key_first] = ledger_id THEN 'key' ELSE 'natural_key'
            END;
        ELSIF s.base_points IS NULL THEN
            verdict := 'skipped';
        ELSE
            verdict := 'accrued';
            points := s.points;
            ledger_id := gen_random_uuid();
            v_campaign_entry[s.campaign_first] := ledger_id;
            v_campaign_hash[s.campaign_first] := s.request_hash;
            v_key_entry[s.key_first] := ledger_id;
            v_entry_no[s.player_first] := v_entry_no[s.player_first] + 1;
            v_balance[s.player_first] := v_balance[s.player_first] + points;
            v_entry := NULL;
            v_entry.casino_id := p_casino_id[s.ordinal];
            v_entry.id := ledger_id;
            v_entry.player_id := v_player[s.ordinal];
            v_entry.entry_no := v_entry_no[s.player_first];
            v_entry.points_delta := points;
            v_entry.balance_after := v_balance[s.player_first];
            v_entry.rating_slip_id := p_rating_slip_id[s.ordinal];
            v_entry.visit_id := s.base_visit_id;
            v_entry.campaign_id := p_campaign_id[s.ordinal];
            v_entry.idempotency_key := p_idempotency_key[s.ordinal];
            v_entry.payload_hash := s.request_hash;
            v_entry.occurred_at := coalesce(p_occurred_at[s.ordinal], now());
            v_entry.gaming_day := loyalty_gaming_day(
                v_entry.occurred_at, s.timezone, s.gaming_day_start
            );
            v_entry.metadata := jsonb_build_object(
                'event', p_events[s.ordinal],
                'calc', jsonb_strip_nulls(jsonb_build_object(
                    'base_points', s.base_points,
                    'multiplier', trim_scale(p_promo_multiplier[s.ordinal]),
                    'bonus', p_bonus_points[s.ordinal], 'points', points
                ))
            );
            v_entries := array_append(v_entries, v_entry);
        END IF;
        RETURN NEXT;
    END LOOP;

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, campaign_id, source_kind, source_id, idempotency_key, payload_hash, metadata,
        gaming_day, occurred_at
    )
    SELECT e.casino_id, e.id, e.player_id, e.entry_no, e.points_delta, e.balance_after,
        'promotion', e.rating_slip_id, e.visit_id, e.campaign_id, 'rating_slip',
        e.rating_slip_id, e.idempotency_key, e.payload_hash, e.metadata, e.gaming_day,
        e.occurred_at
    FROM unnest(v_entries) AS e;
    PERFORM move_balances(v_entries, v_created);
END
$$;

REVOKE ALL ON FUNCTION apply_promotions(
    uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamptz[], jsonb[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply_promotions(
    uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamptz[], jsonb[]
) TO loyalty_worker;
