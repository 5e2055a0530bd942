-- Says how records of one partition are accounted for, one row a record: 'ledger', 'parked',
-- 'dead_letter' or 'skipped', or null with what is lacking. p_kind is that of parked_event, null for
-- a record that is no event: only a letter accounts for one.
--
-- Strict: an entry or a slip counts where it stands for the same facts or terms, for a conflict of
-- them is a letter. What was settled long ago (a released parked row, a letter that was posted
-- later) promises an entry or a slip that earns nothing, and counts by that alone. The key is not
-- asked: an event that was a duplicate of its slip left none behind.
--
-- How its look-ups are kept index probes: see look_up_closed_slips.
CREATE OR REPLACE FUNCTION account_for_events(
    p_topic text,
    p_partition integer,
    p_offset bigint[],
    p_record_hash bytea[],
    p_kind text[],
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_visit_id uuid[],
    p_visit_kind text[],
    p_player_id uuid[],
    p_average_bet numeric[],
    p_closed_at timestamptz[],
    p_duration_seconds bigint[],
    p_policy_snapshot jsonb[],
    p_campaign_id text[],
    p_promo_multiplier numeric[],
    p_bonus_points bigint[]
) RETURNS TABLE (
    ordinal integer,
    account text,
    lacking text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.*,
            CASE i.kind
                WHEN 'rating_slip_closed' THEN loyalty_facts_hash(
                    i.casino_id, i.slip_id, i.visit_id, i.player_id, i.visit_kind,
                    i.average_bet, i.duration_seconds, i.closed_at, i.policy_snapshot
                )
                WHEN 'promotion' THEN promotion_hash(
                    i.casino_id, i.slip_id, i.campaign_id, i.multiplier, i.bonus
                )
            END AS event_hash
        FROM unnest(
            p_offset, p_record_hash, p_kind, p_casino_id, p_rating_slip_id, p_visit_id,
            p_visit_kind, p_player_id, p_average_bet, p_closed_at, p_duration_seconds,
            p_policy_snapshot, p_campaign_id, p_promo_multiplier, p_bonus_points
        ) WITH ORDINALITY AS i (
            record_offset, record_hash, kind, casino_id, slip_id, visit_id, visit_kind, player_id,
            average_bet, closed_at, duration_seconds, policy_snapshot, campaign_id, multiplier,
            bonus, ordinality
        )
    ),
    found AS (
        SELECT i.ordinality, i.kind, i.event_hash,
            coalesce(b.payload_hash, e.payload_hash) AS entry_hash,
            p.is_there AS has_parked_row, p.outcome AS parked_outcome,
            d.status AS letter_status,
            s.earns, s.facts_hash
        FROM input AS i
        LEFT JOIN LATERAL (
            SELECT x.payload_hash
            FROM loyalty_ledger AS x
            WHERE i.kind = 'rating_slip_closed'
                AND x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id BETWEEN i.slip_id AND i.slip_id AND x.reason = 'base_accrual'
            ORDER BY x.source_id
            LIMIT 1
        ) AS b ON true
        LEFT JOIN LATERAL (
            SELECT x.payload_hash
            FROM loyalty_ledger AS x
            WHERE i.kind = 'promotion'
                AND x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id = i.slip_id
                AND x.campaign_id BETWEEN i.campaign_id AND i.campaign_id
                AND x.reason = 'promotion'
            ORDER BY x.campaign_id
            LIMIT 1
        ) AS e ON true
        LEFT JOIN LATERAL (
            SELECT true AS is_there, x.outcome
            FROM parked_event AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN i.record_offset AND i.record_offset
                AND x.record_hash = i.record_hash
            ORDER BY x."offset"
            LIMIT 1
        ) AS p ON true
        LEFT JOIN LATERAL (
            SELECT x.status
            FROM dead_letter AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN i.record_offset AND i.record_offset
                AND x.record_hash = i.record_hash
            ORDER BY x."offset"
            LIMIT 1
        ) AS d ON true
        LEFT JOIN LATERAL (
            SELECT x.visit_kind = 'gaming_identified_rated' AND x.player_id IS NOT NULL AS earns,
                coalesce(x.facts_hash, loyalty_facts_hash(
                    x.casino_id, x.id, x.visit_id, x.player_id, x.visit_kind,
                    x.average_bet, x.duration_seconds, x.closed_at, x.policy_snapshot
                )) AS facts_hash
            FROM rating_slip AS x
            WHERE x.casino_id = i.casino_id AND x.id = i.slip_id AND x.status = 'closed'
            LIMIT 1
        ) AS s ON true
    ),
    judged AS (
        SELECT f.*,
            CASE
                WHEN f.entry_hash = f.event_hash THEN 'ledger'
                WHEN f.has_parked_row AND f.parked_outcome IS NULL THEN 'parked'
                WHEN f.letter_status IN ('open', 'discarded') THEN 'dead_letter'
                WHEN NOT f.earns AND (f.kind = 'promotion' OR f.facts_hash = f.event_hash)
                    THEN 'skipped'
            END AS account
        FROM found AS f
    )
    SELECT j.ordinality::integer, j.account,
        CASE
            WHEN j.account IS NOT NULL THEN NULL
            WHEN j.kind IS NULL THEN 'letter'
            WHEN coalesce(j.entry_hash, j.facts_hash) <> j.event_hash
                AND (j.kind = 'rating_slip_closed' OR j.entry_hash IS NOT NULL)
                THEN 'letter_of_conflict'
            WHEN j.parked_outcome = 'dead_lettered' THEN 'letter_of_parked'
            WHEN j.parked_outcome IS NOT NULL THEN 'entry_of_parked'
            WHEN j.letter_status IS NOT NULL THEN 'entry_of_letter'
            WHEN j.kind = 'rating_slip_closed' AND j.earns THEN 'entry_of_slip'
            ELSE 'everything'
        END
    FROM judged AS j
    ORDER BY j.ordinality;
END
$$;

REVOKE ALL ON FUNCTION account_for_events(
    text, integer, bigint[], bytea[], text[], uuid[], uuid[], uuid[], text[], uuid[], numeric[],
    timestamptz[], bigint[], jsonb[], text[], numeric[], bigint[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_for_events(
    text, integer, bigint[], bytea[], text[], uuid[], uuid[], uuid[], text[], uuid[], numeric[],
    timestamptz[], bigint[], jsonb[], text[], numeric[], bigint[]
) TO loyalty_operator, loyalty_readonly;
