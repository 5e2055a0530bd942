-- What is wrong with a player, by the numbers that compare_balances gives:
--   balance                 cached balance and sum of the entries differ
--   entry_count             cached count and number of entries differ
--   entries_missing         entry numbers do not run 1..n
--   chain_broken            a balance_after is not the one before plus its points
--   cache_missing           entries without a cached balance
--   cache_without_entries   a cached balance or count other than 0 without entries
CREATE OR REPLACE FUNCTION drift_kinds(
    p_cached boolean,
    p_entry_count bigint,
    p_drift bigint,
    p_entries bigint,
    p_newest_no bigint,
    p_chain_broken boolean
) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.kind
    FROM (
        VALUES
        ('balance', p_cached AND p_entries > 0 AND p_drift <> 0),
        ('entry_count', p_cached AND p_entries > 0 AND p_entry_count <> p_entries),
        ('entries_missing', p_newest_no <> p_entries),
        ('chain_broken', p_chain_broken),
        ('cache_missing', NOT p_cached),
        ('cache_without_entries', p_cached AND p_entries = 0
            AND (p_drift <> 0 OR p_entry_count <> 0))
    ) AS k (kind, found)
    WHERE k.found
$$;

REVOKE ALL ON FUNCTION drift_kinds(boolean, bigint, bigint, bigint, bigint, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drift_kinds(boolean, bigint, bigint, bigint, bigint, boolean)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
