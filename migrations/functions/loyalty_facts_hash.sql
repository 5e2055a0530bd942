-- What makes two requests for a slip "the same": SHA-256 over the canonical text of its facts.
CREATE OR REPLACE FUNCTION loyalty_facts_hash(
    p_casino_id uuid,
    p_rating_slip_id uuid,
    p_visit_id uuid,
    p_player_id uuid,
    p_visit_kind text,
    p_average_bet numeric,
    p_duration_seconds bigint,
    p_closed_at timestamptz,
    p_policy_snapshot jsonb
) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN sha256(convert_to(
        loyalty_facts_text(
            p_casino_id, p_rating_slip_id, p_visit_id, p_player_id, p_visit_kind,
            p_average_bet, p_duration_seconds, p_closed_at, p_policy_snapshot
        ),
        'UTF8'
    ));
END
$$;

REVOKE ALL ON FUNCTION loyalty_facts_hash(
    uuid, uuid, uuid, uuid, text, numeric, bigint, timestamptz, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_facts_hash(
    uuid, uuid, uuid, uuid, text, numeric, bigint, timestamptz, jsonb
) TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
