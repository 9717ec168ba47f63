SET LOCAL ROLE waystate_owner;
CREATE INDEX contact_identities_former ON contact_identities (tenant_id, channel, kind, external_id) WHERE valid_to IS NOT NULL;
RESET ROLE;
