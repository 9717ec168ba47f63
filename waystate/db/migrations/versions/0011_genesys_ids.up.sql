SET LOCAL ROLE waystate_owner;
-- Only where Genesys answered with an id; one that is longer than any real one would not fit.
CREATE INDEX deliveries_at_genesys ON deliveries (tenant_id, external_id)
    WHERE target = 'genesys' AND length(external_id) <= 512;
RESET ROLE;
