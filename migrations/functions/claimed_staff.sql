-- Who a gateway says is acting: transaction-local settings or, for a gateway that authenticates by
-- token and where they are empty, the claims of the token. Nulls for every other session,
-- whatever it wrote into its settings, and where the claim is not complete. Nothing is verified
-- here; see staff_context.
CREATE OR REPLACE FUNCTION claimed_staff(
    OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_uuid CONSTANT text := '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';
    -- a token gateway often does not inherit: it sets the role that it is a member of
    v_by_token boolean := pg_has_role(session_user, 'loyalty_postgrest', 'MEMBER');
    -- a setting that was local to an earlier transaction reads as an empty text
    v_casino text := nullif(current_setting('app.casino_id', true), '');
    v_actor text := nullif(current_setting('app.actor_id', true), '');
    v_role text := nullif(current_setting('app.staff_role', true), '');
    v_claims jsonb;
BEGIN
    IF NOT (v_by_token OR pg_has_role(session_user, 'loyalty_staff', 'USAGE')) THEN
        RETURN;
    END IF;
    IF v_by_token AND coalesce(v_casino, v_actor, v_role) IS NULL THEN
        BEGIN
            v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
        EXCEPTION WHEN invalid_text_representation OR untranslatable_character
            OR numeric_value_out_of_range OR statement_too_complex
        THEN
            RETURN; -- no JSON that can be read, no claim; the error would show the token
        END;
        v_casino := v_claims #>> '{app_metadata,casino_id}';
        v_actor := v_claims ->> 'sub';
        v_role := v_claims #>> '{app_metadata,staff_role}';
    END IF;
    IF v_casino ~ v_uuid AND v_actor ~ v_uuid AND v_role IS NOT NULL THEN
        casino_id := v_casino::uuid;
        actor_id := v_actor::uuid;
        staff_role := v_role;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION claimed_staff() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claimed_staff()
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
