SET LOCAL ROLE waystate_owner;
DROP INDEX contact_identities_former;
RESET ROLE;
