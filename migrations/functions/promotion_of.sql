-- The entry of a campaign on a slip; nulls where there is none.
CREATE OR REPLACE FUNCTION promotion_of(
    p_casino_id uuid, p_rating_slip_id uuid, p_campaign_id text
) RETURNS loyalty_ledger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_sort = off
AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    -- an order that only the right index has: see look_up_closed_slips
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.source_kind = 'rating_slip'
        AND l.source_id = p_rating_slip_id
        AND l.campaign_id BETWEEN p_campaign_id AND p_campaign_id
        AND l.reason = 'promotion'
    ORDER BY l.campaign_id
    LIMIT 1;
    RETURN v_entry;
END
$$;

REVOKE ALL ON FUNCTION promotion_of(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION promotion_of(uuid, uuid, text)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
