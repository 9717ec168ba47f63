-- name: lock_tenants!
-- Whoever changes members takes turns, a tenant: each counts the owners that are left. Named in order, so nobody waits in a ring.
SELECT pg_advisory_xact_lock(hashtextextended('people ' || t, 0)) FROM unnest(:tenant_ids::text[]) AS t;

-- name: upsert_user^
-- The update changes nothing: it locks the row that another may be about to remove.
INSERT INTO users AS u (id, email, name, created_at) VALUES (:id, :email, :name, :now)
ON CONFLICT (email) DO UPDATE SET email = excluded.email
RETURNING u.id;

-- name: lock_user^
SELECT u.id FROM users u WHERE u.id = :id FOR NO KEY UPDATE;

-- name: find_account^
-- One of the three names a person: an e-mail, an id, or the hash of a reset's token that holds at that moment.
SELECT u.id, u.email, u.name, u.status, u.password_hash, u.totp_secret, u.totp_confirmed_at, u.totp_step
FROM users u
WHERE u.email = :email OR u.id = :id OR (u.reset_hash = :reset_hash AND u.reset_expires_at > :now);

-- name: list_memberships
SELECT m.tenant_id, m.role, m.invitation_hash IS NOT NULL AS is_pending
FROM memberships m WHERE m.user_id = :user_id ORDER BY m.created_at, m.tenant_id;

-- name: list_members
-- By id. Of who has not accepted the tenant sees what it wrote itself, and nothing of an account that may be another's.
SELECT m.tenant_id, u.id, u.email, m.role, m.created_at, m.invitation_expires_at,
    CASE WHEN m.invitation_hash IS NULL THEN u.name ELSE coalesce(m.invited_as, u.email) END AS name,
    CASE WHEN m.invitation_hash IS NULL THEN u.status ELSE 'invited' END AS status,
    m.invitation_hash IS NULL AND u.totp_confirmed_at IS NOT NULL AS has_totp
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.tenant_id = :tenant_id
    AND (:id::uuid IS NULL OR u.id = :id) AND (:email::text IS NULL OR u.email = :email) AND (:after::uuid IS NULL OR u.id > :after)
ORDER BY u.id LIMIT :page::int;

-- name: count_others$
-- Who else has the role and can log in.
SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.tenant_id = :tenant_id AND m.role = :role AND m.user_id <> :user_id AND m.invitation_hash IS NULL AND u.status = 'active';

-- name: invite!
-- A newer invitation ends the older one, whose hash it takes the place of.
INSERT INTO memberships AS m (tenant_id, user_id, role, invitation_hash, invitation_expires_at, invited_as, created_at)
VALUES (:tenant_id, :user_id, :role, :hash, :expires_at, :invited_as, :now)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role, invitation_hash = excluded.invitation_hash,
    invitation_expires_at = excluded.invitation_expires_at, invited_as = excluded.invited_as
    WHERE m.invitation_hash IS NOT NULL;

-- name: find_invitation^
SELECT m.tenant_id, m.user_id, m.invited_as FROM memberships m
WHERE m.invitation_hash = :hash AND m.invitation_expires_at > :now;

-- name: accept^
-- Of two that use the same token, one finds it.
UPDATE memberships m SET invitation_hash = NULL, invitation_expires_at = NULL, invited_as = NULL
WHERE m.invitation_hash = :hash AND m.invitation_expires_at > :now
RETURNING m.tenant_id, m.user_id, m.role;

-- name: open_account^
-- The first invitation that is accepted makes the account; after that its password is needed.
UPDATE users u SET status = 'active', password_hash = :password_hash, name = coalesce(:name::text, u.name)
WHERE u.id = :id AND u.status = 'invited'
RETURNING u.id;

-- name: set_role!
UPDATE memberships m SET role = :role WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id;

-- name: set_status!
-- A reset that is under way ends with the account.
UPDATE users u SET status = :status, reset_hash = NULL, reset_expires_at = NULL WHERE u.id = :id;

-- name: set_name!
UPDATE users u SET name = :name WHERE u.id = :id;

-- name: remove_member!
DELETE FROM memberships m WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id;

-- name: remove_nobody!
-- Who is a member of nothing any more is not kept.
DELETE FROM users u WHERE u.id = :id AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id);

-- name: set_reset!
UPDATE users u SET reset_hash = :hash, reset_expires_at = :expires_at WHERE u.id = :id;

-- name: redeem^
-- Of two that use the same token, one finds it.
UPDATE users u SET password_hash = :password_hash, reset_hash = NULL, reset_expires_at = NULL
WHERE u.reset_hash = :hash AND u.reset_expires_at > :now AND u.status = 'active'
RETURNING u.id;

-- name: change_password^
-- Only from the password that was checked: of two changes at once the second is told to look again.
UPDATE users u SET password_hash = :new, reset_hash = NULL, reset_expires_at = NULL
WHERE u.id = :id AND u.status = 'active' AND u.password_hash = :old
RETURNING u.id;

-- name: confirm_login^
-- What was checked a moment ago must hold until the session stands, and a code counts once however many use it together.
UPDATE users u SET totp_step = coalesce(:step::bigint, u.totp_step), password_hash = :new
WHERE u.id = :id AND u.status = 'active' AND u.password_hash = :old
    AND CASE WHEN :step::bigint IS NULL THEN u.totp_confirmed_at IS NULL ELSE u.totp_confirmed_at IS NOT NULL AND u.totp_step < :step END
RETURNING u.id;

-- name: hold_membership^
-- Until the session stands nobody takes it away.
SELECT m.role FROM memberships m
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.invitation_hash IS NULL FOR KEY SHARE;

-- name: begin_totp^
UPDATE users u SET totp_secret = :secret WHERE u.id = :id AND u.totp_confirmed_at IS NULL RETURNING u.id;

-- name: confirm_totp^
UPDATE users u SET totp_confirmed_at = :now, totp_step = :step
WHERE u.id = :id AND u.totp_confirmed_at IS NULL AND u.totp_secret = :secret AND u.totp_step < :step
RETURNING u.id;

-- name: remove_totp^
-- The last step stays: a code of today is no good again tomorrow either.
UPDATE users u SET totp_secret = NULL, totp_confirmed_at = NULL WHERE u.id = :id AND u.totp_secret IS NOT NULL RETURNING u.id;

-- name: insert_session!
INSERT INTO sessions (tenant_id, id, user_id, hash, created_at, expires_at, last_seen_at, user_agent, address, method)
VALUES (:tenant_id, :id, :user_id, :hash, :now, :expires_at, :now, :user_agent, :address, :method);

-- name: find_session^
-- With what its person is and may today: who was disabled, or given another role, is so at once.
SELECT s.id, s.tenant_id, s.user_id, s.hash, s.created_at, s.expires_at, s.last_seen_at, s.revoked_at, s.user_agent, s.address,
    s.method, m.role, u.status AS user_status
FROM sessions s
JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
JOIN users u ON u.id = s.user_id
WHERE s.tenant_id = :tenant_id AND s.id = :id;

-- name: list_sessions
-- Those usable at a moment, newest first.
SELECT s.id, s.tenant_id, s.user_id, s.hash, s.created_at, s.expires_at, s.last_seen_at, s.revoked_at, s.user_agent, s.address,
    s.method, m.role, u.status AS user_status
FROM sessions s
JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
JOIN users u ON u.id = s.user_id
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.revoked_at IS NULL AND s.expires_at > :now
ORDER BY s.id DESC;

-- name: touch_session!
-- Between processes too: once in so many seconds, not once a request.
UPDATE sessions s SET last_seen_at = :now::timestamptz
WHERE s.tenant_id = :tenant_id AND s.id = :id AND s.last_seen_at <= :now::timestamptz - :at_most_every::interval;

-- name: revoke_sessions
-- One of a person's, or all of them; except the one that asks, if it is named.
UPDATE sessions s SET revoked_at = :now
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.revoked_at IS NULL
    AND (:id::uuid IS NULL OR s.id = :id) AND (:keep::uuid IS NULL OR s.id <> :keep)
RETURNING s.id;

-- name: list_colleagues
-- Through the one function by which a tenant's role learns of people.
SELECT c.id, c.name, c.role FROM list_colleagues(:ids::uuid[]) AS c;
