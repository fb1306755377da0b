-- One transaction of the shop: a few new events, and changes and a deletion among old rows.
\set account random(1, 50000)
\set old random(1, 1000000)
BEGIN;
INSERT INTO events (account_id, kind, payload, amount, happened_at)
SELECT :account, 'buy', '{"live": true}', n, now() FROM generate_series(1, 5) n;
UPDATE events SET body = 'changed', amount = amount + 1 WHERE id = :old;
SAVEPOINT doubtful;
UPDATE accounts_book SET name = name || '.' WHERE id = :account;
RELEASE SAVEPOINT doubtful;
DELETE FROM events WHERE id = :old + 7 AND id % 10 = 0;
UPDATE orders SET state = 'sent', number = -number WHERE number = :old % 100000;
INSERT INTO visits (at, path, took) VALUES (now(), '/live', 1);
COMMIT;
