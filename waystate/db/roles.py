"""The roles that transactions run as, and what makes them."""

OWNER, INGEST, APP, WORK, SWEEPER = ROLES = (
    "waystate_owner",
    "waystate_ingest",
    "waystate_app",
    "waystate_work",
    "waystate_sweeper",
)


def print_roles(login: str = "waystate") -> str:
    """What a DBA runs in the database, as a superuser, where the login may not create roles itself. It can be run again."""
    name = '"' + login.replace('"', '""') + '"'
    literal = "'" + login.replace("'", "''") + "'"
    creations = "\n".join(
        f"    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN\n"
        f"        CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;\n"
        "    END IF;"
        for role in ROLES
    )
    return f"""\
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN
        RAISE 'Create the login first: CREATE ROLE {name} LOGIN PASSWORD ...';
    END IF;
{creations}
END $$;
GRANT {", ".join(ROLES)} TO {name};
GRANT {APP} TO {WORK};
GRANT {SWEEPER} TO {OWNER};
GRANT USAGE, CREATE ON SCHEMA public TO {OWNER} WITH GRANT OPTION;
GRANT USAGE, CREATE ON SCHEMA public TO {name} WITH GRANT OPTION;
"""
