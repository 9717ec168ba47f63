SET LOCAL ROLE waystate_owner;
DROP TABLE group_participants, groups;
ALTER TABLE contact_identities DROP CONSTRAINT contact_identities_kind_check;
-- Not of those that are there: groups stay, and nobody meets one by an older release.
ALTER TABLE contact_identities ADD CONSTRAINT contact_identities_kind_check
    CHECK (kind IN ('wa_id', 'bsuid', 'parent_bsuid')) NOT VALID;
RESET ROLE;
