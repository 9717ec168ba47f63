-- name: find_provider^
-- Of a tenant that is suspended nobody logs in; its people can still look at the settings.
SELECT p.issuer, p.client_id, p.client_secret, p.settings, p.created_at, t.status AS tenant_status
FROM identity_providers p JOIN tenants t ON t.id = p.tenant_id
WHERE p.tenant_id = :tenant_id;

-- name: lock_provider^
-- Until the commit: logins through one provider come one after the other, and none while it is changed.
SELECT p.issuer, p.client_id, p.settings FROM identity_providers p WHERE p.tenant_id = :tenant_id FOR UPDATE;

-- name: upsert_provider!
INSERT INTO identity_providers (tenant_id, issuer, client_id, client_secret, settings, created_at)
VALUES (:tenant_id, :issuer, :client_id, :client_secret, :settings, :now)
ON CONFLICT (tenant_id) DO UPDATE
SET issuer = excluded.issuer, client_id = excluded.client_id, client_secret = excluded.client_secret,
    settings = excluded.settings;

-- name: remove_provider^
DELETE FROM identity_providers p WHERE p.tenant_id = :tenant_id RETURNING p.issuer;

-- name: unlink_members!
-- A subject means somebody only together with its issuer, and with some providers only for one client.
UPDATE memberships m SET oidc_subject = NULL WHERE m.tenant_id = :tenant_id AND m.oidc_subject IS NOT NULL;

-- name: find_linked^
SELECT u.id AS user_id, u.status, m.role, m.oidc_subject
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.tenant_id = :tenant_id AND m.oidc_subject = :subject;

-- name: find_by_email^
-- Of other tenants it tells one bit: whether this person belongs to any.
SELECT u.id AS user_id, u.status, m.role, m.oidc_subject,
    EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.tenant_id <> :tenant_id) AS is_member_elsewhere
FROM users u LEFT JOIN memberships m ON m.user_id = u.id AND m.tenant_id = :tenant_id
WHERE u.email = :email;

-- name: insert_user$
-- No row if somebody with this address came to be in between.
INSERT INTO users (id, email, name, status, created_at) VALUES (:id, :email, :name, 'active', :now)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: insert_membership$
INSERT INTO memberships (tenant_id, user_id, role, oidc_subject, created_at)
VALUES (:tenant_id, :user_id, :role, :subject, :now)
ON CONFLICT DO NOTHING
RETURNING user_id;

-- name: link_member$
-- Who was invited accepts by this: the tenant's own provider says that it is them.
UPDATE memberships m SET oidc_subject = :subject, invitation_hash = NULL, invitation_expires_at = NULL, invited_as = NULL
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.oidc_subject IS NULL
RETURNING m.user_id;

-- name: activate_user!
-- Who was invited and never set a password. Nobody who was disabled comes back by this.
UPDATE users u SET status = 'active' WHERE u.id = :user_id AND u.status = 'invited';
