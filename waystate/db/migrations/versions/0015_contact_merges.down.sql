SET LOCAL ROLE waystate_owner;
DROP TABLE contact_merges;
RESET ROLE;
