-- Everything that a decision about closed slips needs, one row a slip, set-wise. It must run as a
-- statement of its own after the players were locked: its snapshot then holds what the wait
-- was for. slip_first, key_first and player_first are the ordinals of the first slip here with
-- the same id, key or player.
--
-- LATERAL with LIMIT and the settings keep every look-up an index probe, whatever the statistics
-- were when the plan was cached. Until the ledger was analysed all its indexes, which begin with
-- the casino, look alike to the planner: a range of one value, in an order that only the right
-- index has, and no sort, leave it no choice. (Planning anew each time was measured to cost more
-- than half of the call.)
CREATE OR REPLACE FUNCTION look_up_closed_slips(
    p_slips rating_slip[], p_idempotency_keys uuid[], p_known_casinos uuid[]
) RETURNS TABLE (
    ordinal integer,
    slip_first integer,
    key_first integer,
    player_first integer,
    casino_known boolean,
    accrual_enabled boolean,
    facts_hash bytea,
    gaming_day date,
    earns boolean,
    rule_refusal text,
    rule_detail text,
    points bigint,
    calc jsonb,
    policy jsonb,
    recorded rating_slip,
    recorded_hash bytea,
    entry_id uuid,
    entry_hash bytea,
    entry_points bigint,
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
        -- the columns of both arrays: those of the slips, then the keys as "unnest"
        SELECT s.*, s."unnest" AS idempotency_key,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s.id))::integer AS slip_first,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s."unnest"))::integer AS key_first,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s.player_id))::integer
                AS player_first
        FROM ROWS FROM (unnest(p_slips), unnest(p_idempotency_keys)) WITH ORDINALITY AS s
    )
    SELECT s.ordinality::integer, s.slip_first, s.key_first, s.player_first,
        coalesce(s.casino_id = ANY (p_known_casinos) AND r.casino_id IS NOT NULL, false),
        r.accrual_enabled,
        loyalty_facts_hash(
            s.casino_id, s.id, s.visit_id, s.player_id, s.visit_kind,
            s.average_bet, s.duration_seconds, s.closed_at, s.policy_snapshot
        ),
        coalesce(s.gaming_day, loyalty_gaming_day(s.closed_at, r.timezone, r.gaming_day_start)),
        a.earns, a.refusal, a.detail, a.points, a.calc, a.policy,
        c.slip, c.facts_hash,
        e.id, e.payload_hash, e.points_delta,
        k.id,
        n.entry_no, n.balance_after
    FROM input AS s
    LEFT JOIN LATERAL (
        SELECT x.* FROM casino_rules AS x WHERE x.casino_id = s.casino_id LIMIT 1
    ) AS r ON true
    CROSS JOIN LATERAL assess_closed_slip(
        s.visit_kind, s.player_id, s.average_bet, s.started_at, s.closed_at,
        s.duration_seconds, s.policy_snapshot
    ) AS a
    LEFT JOIN LATERAL (
        SELECT x AS slip,
            coalesce(x.facts_hash, loyalty_facts_hash(
                x.casino_id, x.id, x.visit_id, x.player_id, x.visit_kind,
                x.average_bet, x.duration_seconds, x.closed_at, x.policy_snapshot
            )) AS facts_hash
        FROM rating_slip AS x
        WHERE x.casino_id = s.casino_id AND x.id = s.id AND x.status = 'closed'
        LIMIT 1
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.payload_hash, x.points_delta
        FROM loyalty_ledger AS x
        WHERE x.casino_id = s.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id BETWEEN s.id AND s.id AND x.reason = 'base_accrual'
        ORDER BY x.source_id
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = s.casino_id
            AND x.idempotency_key BETWEEN s.idempotency_key AND s.idempotency_key
        ORDER BY x.idempotency_key
        LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT x.entry_no, x.balance_after
        FROM loyalty_ledger AS x
        WHERE s.player_first = s.ordinality
            AND x.casino_id = s.casino_id AND x.player_id = s.player_id
        ORDER BY x.entry_no DESC
        LIMIT 1
    ) AS n ON true
    ORDER BY s.ordinality;
END
$$;

REVOKE ALL ON FUNCTION look_up_closed_slips(rating_slip[], uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_up_closed_slips(rating_slip[], uuid[], uuid[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
