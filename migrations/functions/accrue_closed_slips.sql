-- Posts closed slips in the order given, with the outcome of one by one, in few statements:
-- lock the players, look everything up, decide in memory, write. What exists decides first.
-- Shared by post_closed_slips and rpc_accrue_on_close, which say who may call. A refusal is a
-- value here. Two transactions with one key on two players, or with one new slip under two
-- players, raise 23505: retry, and the second time it is seen as a duplicate or a conflict.
CREATE OR REPLACE FUNCTION accrue_closed_slips(
    p_slips rating_slip[], p_idempotency_keys uuid[], p_events jsonb[]
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
    v_actor_id uuid := (SELECT c.actor_id FROM staff_context() AS c); -- null for the service
    v_known uuid[];
    v_created player_loyalty[];
    v_slips rating_slip[] := '{}';
    v_entries loyalty_ledger[] := '{}';
    -- what is known by now, at the ordinal of the first record with that slip, key or player
    v_slip_hash bytea[];
    v_slip_points bigint[];
    v_slip_entry uuid[];
    v_slip_ordinal integer[];
    v_key_entry uuid[];
    v_entry_no bigint[];
    v_balance bigint[];
    v_entry loyalty_ledger;
    v_slip rating_slip;
    v_exists boolean;
    s record;
BEGIN
    v_known := ARRAY(
        SELECT c.id FROM casino AS c
        WHERE c.id IN (SELECT i.casino_id FROM unnest(p_slips) AS i)
    );
    v_created := ARRAY(
        SELECT b
        FROM (
            SELECT array_agg(i.casino_id) AS casino_ids, array_agg(i.player_id) AS player_ids
            FROM unnest(p_slips) AS i
            WHERE i.casino_id = ANY (v_known) AND i.player_id IS NOT NULL
        ) AS p
        CROSS JOIN LATERAL lock_player_balances(p.casino_ids, p.player_ids) AS b
    );

    FOR s IN SELECT * FROM look_up_closed_slips(p_slips, p_idempotency_keys, v_known) LOOP
        IF s.slip_first = s.ordinal THEN
            v_slip_hash[s.ordinal] := coalesce(s.entry_hash, s.recorded_hash);
            v_slip_points[s.ordinal] := s.entry_points;
            v_slip_entry[s.ordinal] := s.entry_id;
        END IF;
        IF s.key_first = s.ordinal THEN
            v_key_entry[s.ordinal] := s.key_entry_id;
        END IF;
        IF s.player_first = s.ordinal THEN
            v_entry_no[s.ordinal] := coalesce(s.newest_entry_no, 0);
            v_balance[s.ordinal] := coalesce(s.newest_balance, 0);
        END IF;

        -- a slip that was recorded as closed but should have earned is accrued now
        v_exists := v_slip_entry[s.slip_first] IS NOT NULL
            OR (v_slip_hash[s.slip_first] IS NOT NULL AND NOT s.earns);
        refusal := CASE
            WHEN NOT s.casino_known THEN 'LOYALTY_CASINO_UNKNOWN'
            WHEN p_idempotency_keys[s.ordinal] IS NULL THEN 'LOYALTY_IDEMPOTENCY_REQUIRED'
            WHEN v_slip_hash[s.slip_first] <> s.facts_hash THEN 'LOYALTY_FACTS_CONFLICT'
            WHEN v_key_entry[s.key_first] IS NOT NULL
                AND v_key_entry[s.key_first] IS DISTINCT FROM v_slip_entry[s.slip_first]
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_exists THEN NULL
            WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
            WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
            WHEN s.earns AND v_balance[s.player_first] + s.points > 1000000000000
                THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
        END;

        ordinal := s.ordinal;
        points := 0;
        ledger_id := NULL;
        detail := NULL;
        duplicate_by := NULL;
        IF refusal IS NOT NULL THEN
            verdict := 'refused';
            detail := CASE refusal
                WHEN 'LOYALTY_FACTS_CONFLICT' THEN facts_conflict_detail(
                    CASE
                        WHEN v_slip_ordinal[s.slip_first] IS NULL THEN s.recorded
                        ELSE p_slips[v_slip_ordinal[s.slip_first]]
                    END,
                    v_slip_hash[s.slip_first], v_slip_points[s.slip_first],
                    p_slips[s.ordinal], s.facts_hash, s.points
                )
                WHEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
                    THEN format('the key belongs to entry %s', v_key_entry[s.key_first])
                WHEN s.rule_refusal THEN s.rule_detail
                WHEN 'LOYALTY_POINTS_OUT_OF_RANGE' THEN 'balance after the slip'
            END;
        ELSIF v_exists THEN
            verdict := 'duplicate';
            ledger_id := v_slip_entry[s.slip_first];
            duplicate_by := CASE
                WHEN v_key_entry[s.key_first] = ledger_id THEN 'key' ELSE 'natural_key'
            END;
        ELSE
            verdict := CASE WHEN s.earns THEN 'accrued' ELSE 'skipped' END;
            v_slip := p_slips[s.ordinal];
            v_slip.facts_hash := s.facts_hash;
            v_slip.gaming_day := s.gaming_day;
            v_slip_hash[s.slip_first] := s.facts_hash;
            v_slip_ordinal[s.slip_first] := s.ordinal;
            IF s.recorded_hash IS NULL THEN
                v_slips := array_append(v_slips, v_slip);
            END IF;
        END IF;

        IF verdict = 'accrued' THEN
            points := s.points;
            ledger_id := gen_random_uuid();
            v_slip_points[s.slip_first] := points;
            v_slip_entry[s.slip_first] := ledger_id;
            v_key_entry[s.key_first] := ledger_id;
            v_entry_no[s.player_first] := v_entry_no[s.player_first] + 1;
            v_balance[s.player_first] := v_balance[s.player_first] + points;
            v_entry := NULL;
            v_entry.casino_id := v_slip.casino_id;
            v_entry.id := ledger_id;
            v_entry.player_id := v_slip.player_id;
            v_entry.entry_no := v_entry_no[s.player_first];
            v_entry.points_delta := points;
            v_entry.balance_after := v_balance[s.player_first];
            v_entry.rating_slip_id := v_slip.id;
            v_entry.visit_id := v_slip.visit_id;
            v_entry.staff_id := v_actor_id;
            v_entry.idempotency_key := p_idempotency_keys[s.ordinal];
            v_entry.payload_hash := s.facts_hash;
            v_entry.metadata := jsonb_strip_nulls(jsonb_build_object(
                'event', p_events[s.ordinal], 'calc', s.calc, 'policy', s.policy
            ));
            v_entry.gaming_day := s.gaming_day;
            v_entry.occurred_at := v_slip.closed_at;
            v_entries := array_append(v_entries, v_entry);
        END IF;
        RETURN NEXT;
    END LOOP;

    PERFORM write_closed_slips(v_slips, v_entries, v_created);
END
$$;

REVOKE ALL ON FUNCTION accrue_closed_slips(rating_slip[], uuid[], jsonb[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accrue_closed_slips(rating_slip[], uuid[], jsonb[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
