SET LOCAL ROLE waystate_owner;
DROP INDEX deliveries_at_genesys;
RESET ROLE;
