SET LOCAL ROLE waystate_owner;

-- ---------------------------------------------------------------------------------------------- tenants
ALTER TABLE tenants ADD COLUMN status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'));
-- Set when its deletion begins, which nothing takes back: since when, and the rows that went so far.
ALTER TABLE tenants ADD COLUMN deletion jsonb CHECK (deletion IS NULL OR status = 'suspended');

-- The platform's own keys, sessions and audit log are rows of a tenant like any other's. It has no customers.
INSERT INTO tenants (id, name) VALUES ('platform', 'The platform');

-- ---------------------------------------------------------------------------------------------- the installation (global)
-- One secret for what must stay as it is when the master key changes: pseudonyms in logs, names in a shared Redis.
CREATE TABLE installation (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON installation TO waystate_work;

-- ---------------------------------------------------------------------------------------------- people (global)
-- Found by e-mail before a tenant is known. One pending reset a person: a newer one ends the older.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'invited' CHECK (status IN ('invited', 'active', 'disabled')),
    password_hash text,
    totp_secret bytea,
    totp_confirmed_at timestamptz,
    -- The last time step a code was taken for, so that nobody can use a code twice.
    totp_step bigint NOT NULL DEFAULT 0,
    reset_hash bytea UNIQUE CHECK (length(reset_hash) = 32),
    reset_expires_at timestamptz,
    created_at timestamptz NOT NULL,
    CHECK ((reset_hash IS NULL) = (reset_expires_at IS NULL))
);

CREATE TABLE memberships (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'platform')),
    -- Whom the tenant's own identity provider means by this person.
    oidc_subject text,
    -- While it stands the person has not accepted, and is nobody here. It is the tenant's own, so that no tenant gets a token
    -- for an account that is another's as well.
    invitation_hash bytea UNIQUE CHECK (length(invitation_hash) = 32),
    invitation_expires_at timestamptz,
    -- What the inviting tenant calls a person whose own name it is not shown yet.
    invited_as text CHECK (length(invited_as) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    CHECK ((invitation_hash IS NULL) = (invitation_expires_at IS NULL)),
    PRIMARY KEY (tenant_id, user_id),
    UNIQUE (tenant_id, oidc_subject),
    CHECK ((role = 'platform') = (tenant_id = 'platform'))
);
CREATE INDEX memberships_user ON memberships (user_id);

-- ---------------------------------------------------------------------------------------------- tables of a tenant
CREATE TABLE sessions (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    revoked_at timestamptz,
    user_agent text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    -- Whom the tenant's identity provider vouched for must not touch what opens other tenants: the person's password and codes.
    method text NOT NULL DEFAULT 'password' CHECK (method IN ('password', 'sign_on')),
    PRIMARY KEY (tenant_id, id),
    -- Who is no member any more has no session any more.
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX sessions_user ON sessions (tenant_id, user_id);

-- A tenant's own OpenID Connect provider.
CREATE TABLE identity_providers (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id)
);

ALTER TABLE api_keys ADD COLUMN scopes text[] NOT NULL DEFAULT '{}', ADD COLUMN created_by uuid, ADD COLUMN replaces uuid;
-- Until now every key could do what there was to do with a key.
UPDATE api_keys SET scopes = ARRAY['state:read', 'state:write', 'messages:read', 'dead_letters:read', 'dead_letters:write'];

-- Each entry names the hash of the one before it: what is taken out or changed afterwards breaks the chain.
CREATE TABLE audit_log (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    position bigint NOT NULL CHECK (position > 0),
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor jsonb NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, position)
);

-- An answer that was given once under an Idempotency-Key, so that it can be given again without a second effect.
CREATE TABLE idempotency_keys (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    created_at timestamptz NOT NULL,
    locked_until timestamptz,
    status smallint,
    headers jsonb,
    body bytea,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (tenant_id, created_at);

-- ---------------------------------------------------------------------------------------------- isolation
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sessions', 'identity_providers', 'audit_log', 'idempotency_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
-- What was done stays on record.
REVOKE UPDATE, DELETE ON audit_log FROM waystate_app;
-- People are of no single tenant: the application's role sees none of them.
GRANT SELECT, INSERT, UPDATE, DELETE ON users, memberships TO waystate_work;
RESET ROLE;
