-- A page of a player's statement, newest first: entries below p_before_entry_no, all from the
-- newest where it is null. Filters combine; p_from is inclusive and p_to exclusive on occurred_at.
-- Paging by entry_no neither misses nor repeats an entry while others are added, because numbers
-- are given in the order of commits. A limit other than 1 to 100 is SQLSTATE 22023.
--
-- The numbers of the page are found first, each filter through the index that serves it: an order
-- that only this index has, and no sort, leave the planner no other, whatever the statistics say.
-- Only a range of times has to be read whole.
CREATE OR REPLACE FUNCTION rpc_get_player_ledger(
    p_casino_id uuid,
    p_player_id uuid,
    p_before_entry_no bigint,
    p_limit integer DEFAULT 20,
    p_reason loyalty_reason DEFAULT NULL,
    p_rating_slip_id uuid DEFAULT NULL,
    p_visit_id uuid DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_to timestamptz DEFAULT NULL
) RETURNS TABLE (
    id uuid,
    entry_no bigint,
    points_delta bigint,
    balance_after bigint,
    reason loyalty_reason,
    rating_slip_id uuid,
    visit_id uuid,
    staff_id uuid,
    campaign_id text,
    reversed_ledger_id uuid,
    source_kind text,
    source_id uuid,
    note text,
    metadata jsonb,
    gaming_day date,
    occurred_at timestamptz,
    created_at timestamptz,
    has_more boolean
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    v_base loyalty_ledger;
    v_visit_id uuid := p_visit_id;
    v_numbers bigint[];
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('read'));
    IF NOT coalesce(p_limit BETWEEN 1 AND 100, false) THEN
        RAISE EXCEPTION 'a page has 1 to 100 entries'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a p_limit from 1 to 100.';
    END IF;
    IF p_rating_slip_id IS NOT NULL THEN
        -- nothing is posted for a slip without base accrual, and all that is bears its visit
        v_base := base_accrual_of(p_casino_id, p_rating_slip_id);
        IF v_base.id IS NULL THEN
            RETURN;
        END IF;
        v_visit_id := coalesce(p_visit_id, v_base.visit_id);
    END IF;
    EXECUTE
        'SELECT ARRAY(SELECT f.entry_no FROM ('
        '    SELECT l.entry_no FROM loyalty_ledger AS l'
        '    WHERE l.casino_id = $1 AND l.player_id = $2'
        '        AND ($3 IS NULL OR l.entry_no < $3)'
        '        AND ($5 IS NULL OR l.reason BETWEEN $5 AND $5)'
        '        AND ($6 IS NULL OR l.rating_slip_id = $6)'
        '        AND ($7 IS NULL OR l.visit_id BETWEEN $7 AND $7)'
        '        AND ($8 IS NULL OR l.occurred_at >= $8)'
        '        AND ($9 IS NULL OR l.occurred_at < $9)'
        '    ORDER BY ' || CASE
            WHEN v_visit_id IS NOT NULL
                THEN 'l.visit_id DESC, l.entry_no DESC LIMIT $4 + 1'
            WHEN p_from IS NOT NULL OR p_to IS NOT NULL THEN 'l.occurred_at DESC OFFSET 0'
            WHEN p_reason <> 'base_accrual'
                THEN 'l.reason DESC, l.entry_no DESC LIMIT $4 + 1'
            ELSE 'l.entry_no DESC LIMIT $4 + 1'
        END || ') AS f ORDER BY f.entry_no DESC LIMIT $4 + 1)'
    INTO v_numbers
    USING p_casino_id, p_player_id, p_before_entry_no, p_limit, p_reason, p_rating_slip_id,
        v_visit_id, p_from, p_to;

    RETURN QUERY
    SELECT l.id, l.entry_no, l.points_delta, l.balance_after, l.reason, l.rating_slip_id,
        l.visit_id, l.staff_id, l.campaign_id, l.reversed_ledger_id, l.source_kind, l.source_id,
        l.note, l.metadata, l.gaming_day, l.occurred_at, l.created_at,
        cardinality(v_numbers) > p_limit
    FROM unnest(v_numbers[1:p_limit]) WITH ORDINALITY AS n (entry_no, place)
    CROSS JOIN LATERAL (
        SELECT x.*
        FROM loyalty_ledger AS x
        WHERE x.casino_id = p_casino_id AND x.player_id = p_player_id AND x.entry_no = n.entry_no
        LIMIT 1
    ) AS l
    ORDER BY n.place;
END
$$;

REVOKE ALL ON FUNCTION rpc_get_player_ledger(
    uuid, uuid, bigint, integer, loyalty_reason, uuid, uuid, timestamptz, timestamptz
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_get_player_ledger(
    uuid, uuid, bigint, integer, loyalty_reason, uuid, uuid, timestamptz, timestamptz
) TO loyalty_staff, loyalty_postgrest;
