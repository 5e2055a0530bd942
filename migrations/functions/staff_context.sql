-- The person for whom the gateway acts, verified: active at that casino in that role. Nulls where
-- there is none. Gates and policies ask anew in every statement, so that a person who was
-- suspended can do nothing from then on.
CREATE OR REPLACE FUNCTION staff_context(
    OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_claimed record := claimed_staff();
BEGIN
    IF v_claimed.actor_id IS NULL THEN
        RETURN;
    END IF;
    SELECT s.casino_id, s.id, s.role INTO casino_id, actor_id, staff_role
    FROM staff AS s
    WHERE s.casino_id = v_claimed.casino_id
        AND s.id = v_claimed.actor_id
        AND s.role = v_claimed.staff_role
        AND s.status = 'active';
END
$$;

REVOKE ALL ON FUNCTION staff_context() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_context()
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
