-- Trigger of loyalty_ledger, once per INSERT: each new entry must follow its player's newest one
-- in number and in balance. Within the statement lag() links the entries; the first of each
-- player is linked by one probe of the statement index. Asking for an order
-- that only this index has, and no sort, keeps it that probe in every plan: to the planner all
-- indexes that begin with the casino look alike until the table was analysed.
CREATE OR REPLACE FUNCTION check_ledger_chain() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    v_broken record;
BEGIN
    SELECT e.casino_id, e.id, e.entry_no, e.balance_after,
        coalesce(e.previous_no, p.entry_no, 0) + 1 AS expected_no,
        coalesce(e.previous_balance, p.balance_after, 0) + e.points_delta AS expected_balance
    INTO v_broken
    FROM (
        SELECT n.casino_id, n.player_id, n.id, n.entry_no, n.points_delta, n.balance_after,
            lag(n.entry_no) OVER chain AS previous_no,
            lag(n.balance_after) OVER chain AS previous_balance
        FROM new_entries AS n
        WINDOW chain AS (PARTITION BY n.casino_id, n.player_id ORDER BY n.entry_no)
    ) AS e
    LEFT JOIN LATERAL (
        SELECT l.entry_no, l.balance_after
        FROM loyalty_ledger AS l
        WHERE e.previous_no IS NULL
            AND l.casino_id = e.casino_id
            AND l.player_id = e.player_id
            AND l.entry_no < e.entry_no
        ORDER BY l.entry_no DESC
        LIMIT 1
    ) AS p ON true
    WHERE e.entry_no <> coalesce(e.previous_no, p.entry_no, 0) + 1
        OR e.balance_after <> coalesce(e.previous_balance, p.balance_after, 0) + e.points_delta
    LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'entry % of casino % does not continue its player''s chain',
            v_broken.id, v_broken.casino_id
        USING ERRCODE = 'check_violation',
            TABLE = 'loyalty_ledger',
            CONSTRAINT = 'loyalty_ledger_continues_chain',
            DETAIL = format(
                'number %s with balance %s, expected number %s with balance %s',
                v_broken.entry_no, v_broken.balance_after,
                v_broken.expected_no, v_broken.expected_balance
            ),
            HINT = 'Post through the functions: they number entries under the balance''s lock.';
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION check_ledger_chain() FROM PUBLIC;
