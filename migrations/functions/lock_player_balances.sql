-- Locks the balance rows of players, given as pairs, ascending, so that batches cannot deadlock on
-- them; the lock does not block foreign-key checks. Missing rows are created first, in the same
-- order, and returned: the caller removes those for which no entry followed.
CREATE OR REPLACE FUNCTION lock_player_balances(p_casino_ids uuid[], p_player_ids uuid[])
RETURNS SETOF player_loyalty
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_wanted bigint;
    v_locked bigint;
BEGIN
    RETURN QUERY
    INSERT INTO player_loyalty AS b (casino_id, player_id)
    SELECT DISTINCT p.casino_id, p.player_id
    FROM unnest(p_casino_ids, p_player_ids) AS p (casino_id, player_id)
    ORDER BY p.casino_id, p.player_id
    ON CONFLICT (casino_id, player_id) DO NOTHING
    RETURNING b.*;

    -- LATERAL: one probe a player, in the order of the pairs
    SELECT count(*), count(b.player_id) INTO v_wanted, v_locked
    FROM (
        SELECT DISTINCT p.casino_id, p.player_id
        FROM unnest(p_casino_ids, p_player_ids) AS p (casino_id, player_id)
        ORDER BY p.casino_id, p.player_id
    ) AS w
    LEFT JOIN LATERAL (
        SELECT x.player_id
        FROM player_loyalty AS x
        WHERE x.casino_id = w.casino_id AND x.player_id = w.player_id
        FOR NO KEY UPDATE
    ) AS b ON true;
    IF v_locked <> v_wanted THEN
        RAISE EXCEPTION 'a balance row vanished while it was being locked; retry'
        USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION lock_player_balances(uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_player_balances(uuid[], uuid[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
