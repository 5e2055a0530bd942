-- What makes two promotions of a slip "the same": campaign and terms, also when they come by event.
CREATE OR REPLACE FUNCTION promotion_hash(
    p_casino_id uuid,
    p_rating_slip_id uuid,
    p_campaign_id text,
    p_promo_multiplier numeric,
    p_bonus_points bigint
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT loyalty_request_hash(
        'promotion', p_casino_id::text, p_rating_slip_id::text, p_campaign_id,
        trim_scale(p_promo_multiplier)::text, p_bonus_points::text
    )
$$;

REVOKE ALL ON FUNCTION promotion_hash(uuid, uuid, text, numeric, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION promotion_hash(uuid, uuid, text, numeric, bigint)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
