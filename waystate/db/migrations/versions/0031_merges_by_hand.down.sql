SET LOCAL ROLE waystate_owner;
DROP TABLE contact_likeness;
ALTER TABLE contact_merges DROP COLUMN made_by, DROP COLUMN id;
RESET ROLE;
