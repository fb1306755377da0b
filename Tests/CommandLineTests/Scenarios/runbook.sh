#!/usr/bin/env bash
# Runs the lines of a page as they stand there, between two servers with ordinary roles.
#
#   runbook.sh TIDEMARK PAGE HEADING        (from the repository's root)
#
# Only blocks marked as sh are run. In README.md, lines that name servers or install something are left out.
# Before the night's line, the application writes. It prints what the lines print. At the end the rows of both sides are compared.
set -euo pipefail
tidemark=$1 page=$PWD/$2 heading=$3
. scripts/lib/servers.sh

servers_begin
bin=$(pg_bin)
old_port=$(free_port)
new_port=$(free_port)
server_start source "$old_port"
server_start target "$new_port"
work=$SERVERS_DIR/work
mkdir -p "$work/bin"
ln -s "$(realpath "$tidemark")" "$work/bin/tidemark"
export PATH="$work/bin:$bin:$PATH" PGUSER=postgres
on_old() { psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$old_port" -d shop "$@"; }

# Hosted: the role owns its database and may do nothing else on the server.
psql -X -q -h 127.0.0.1 -p "$old_port" -d postgres -c "CREATE ROLE old_owner LOGIN" -c "CREATE ROLE clerk" -c "CREATE DATABASE shop OWNER old_owner"
on_old -U old_owner <<'EOF'
CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO tenants VALUES (1, 'first'), (2, 'second');
CREATE TABLE customers (id bigserial PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, name text NOT NULL, mail text UNIQUE);
INSERT INTO customers (tenant_id, name, mail) SELECT 1 + n % 2, 'customer ' || n, n || '@example.org' FROM generate_series(1, 5000) n;
CREATE TABLE orders (id bigserial PRIMARY KEY, tenant_id int NOT NULL, customer bigint NOT NULL REFERENCES customers, amount numeric CHECK (amount >= 0), at timestamptz DEFAULT now());
INSERT INTO orders (tenant_id, customer, amount) SELECT 1 + n % 2, 1 + (n - 1) % 5000, n FROM generate_series(1, 20000) n;
CREATE INDEX ON orders (customer, at);
CREATE VIEW totals AS SELECT customer, sum(amount) AS amount FROM orders GROUP BY customer;
CREATE FUNCTION lower_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.mail = lower(NEW.mail); RETURN NEW; END $$;
CREATE TRIGGER lower_mail BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION lower_mail();
ANALYZE customers, orders;
EOF
on_old -c "GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk"
psql -X -q -h 127.0.0.1 -p "$new_port" -d postgres -c "CREATE ROLE new_admin LOGIN CREATEROLE CREATEDB"
# Tenants that have moved are closed on the old side.
moved=0
application() {
    on_old -U old_owner -c "UPDATE orders SET amount = amount + 1 WHERE id % 10 < 2 AND tenant_id > $moved" \
        -c "DELETE FROM orders WHERE id % 7 = 0 AND tenant_id > $moved" \
        -c "INSERT INTO customers (tenant_id, name, mail) VALUES ($moved + 1, 'late', 'LATE$moved@example.org')"
    if [ "$heading" = "Tenant by tenant" ]; then moved=1; fi
}

export OLD="host=127.0.0.1 port=$old_port user=old_owner dbname=shop" NEW_ADMIN="host=127.0.0.1 port=$new_port user=new_admin dbname=postgres"
export NEW="host=127.0.0.1 port=$new_port user=shop_owner dbname=shop"
given() {
    psql -X -q "$NEW_ADMIN" -c "CREATE ROLE shop_owner LOGIN" -c "GRANT shop_owner TO CURRENT_USER"
    psql -X -q "$NEW_ADMIN" -c "CREATE DATABASE shop OWNER shop_owner TEMPLATE template0"
}
case $heading in
    "By an object store"*) given ;;
    "Tenant by tenant")
        given
        psql -X -q -h 127.0.0.1 -p "$new_port" -d postgres -c "GRANT SET ON PARAMETER session_replication_role TO shop_owner" ;;
    "Turning back")
        given
        (
            export TIDEMARK_SOURCE=$OLD TIDEMARK_TARGET=$NEW
            cd "$work"
            tidemark precopy --no-owner --no-privileges --quiet >/dev/null
            tidemark cutover --quiet >/dev/null
        )
        psql -X -q "$NEW" -c "UPDATE orders SET amount = 0 WHERE id < 100" -c "INSERT INTO customers (tenant_id, name, mail) VALUES (2, 'new', 'new@example.org')" ;;
    "From your own servers"*) NEW="host=127.0.0.1 port=$new_port user=new_admin dbname=shop" ;;
    "A first migration")
        psql -X -q "$NEW_ADMIN" -c "CREATE ROLE owner LOGIN" -c "GRANT owner TO CURRENT_USER"
        psql -X -q "$NEW_ADMIN" -c "CREATE DATABASE shop OWNER owner TEMPLATE template0"
        NEW="host=127.0.0.1 port=$new_port user=owner dbname=shop"
        export TIDEMARK_SOURCE=$OLD TIDEMARK_TARGET=$NEW ;;
esac

# The section's blocks, with the application's writes before the night.
awk -v heading="$heading" '
    /^```/ { if (inside) { inside = 0 } else if (found && $0 == "```sh") { inside = 1; shown = 0; next } else { other = !other } next }
    !inside && /^#+ / { if (found) exit; text = $0; sub(/^#+ /, "", text); if (text == heading) found = 1; next }
    inside && /^(export TIDEMARK_(SOURCE|TARGET)=.postgres|createdb |sudo )/ { next }
    inside && (/^tidemark cutover/ && !/--rehearse/ || /--consistent/) { print "application" }
    inside
' "$page" >"$work/lines.sh"
[ -s "$work/lines.sh" ] || { echo "error: $page has no lines to run under '$heading'" >&2; exit 1; }
echo "Lines: $(grep -c . "$work/lines.sh")"
cd "$work"
export old_port moved heading
export -f application on_old
bash -euxo pipefail lines.sh >output 2>errors || { status=$?; cat output errors >&2; exit "$status"; }
cat output
rows="SELECT 'customers', count(*), md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c UNION ALL SELECT 'orders', count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o"
if [ "$(psql -X -A -t "$OLD" -c "$rows")" = "$(psql -X -A -t "$NEW" -c "$rows")" ]; then echo "both sides are equal"; fi
psql -X -A -t "$NEW" -c "SELECT count(*) || ' constraints' FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND convalidated"
