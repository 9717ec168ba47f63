SET LOCAL ROLE waystate_owner;
DROP TABLE idempotency_keys, audit_log, identity_providers, sessions, memberships, users, installation;
ALTER TABLE api_keys DROP COLUMN scopes, DROP COLUMN created_by, DROP COLUMN replaces;
DELETE FROM tenants WHERE id = 'platform';
ALTER TABLE tenants DROP COLUMN deletion;
ALTER TABLE tenants DROP COLUMN status;
RESET ROLE;
