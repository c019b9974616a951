-- One database and one login role per service; nobody enters another's. Safe to run again: passwords follow .env.
-- Run by psql as the superuser, with SHOP_ORDERS_PASSWORD, SHOP_PRODUCTS_PASSWORD, SHOP_DELIVERY_PASSWORD and
-- SHOP_AUDIT_PASSWORD in the environment. The role `audit` reads all three, for `shop audit`, and writes nowhere.
\set ON_ERROR_STOP on
\getenv orders_password SHOP_ORDERS_PASSWORD
\getenv products_password SHOP_PRODUCTS_PASSWORD
\getenv delivery_password SHOP_DELIVERY_PASSWORD
\getenv audit_password SHOP_AUDIT_PASSWORD

CREATE TEMPORARY TABLE service (name text PRIMARY KEY, password text NOT NULL);
INSERT INTO service VALUES ('orders', :'orders_password'), ('products', :'products_password'), ('delivery', :'delivery_password');

SELECT format('CREATE ROLE %I', name)
FROM (SELECT name FROM service UNION ALL SELECT 'audit') AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) \gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', name, password) FROM service \gexec
ALTER ROLE audit LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'audit_password';
ALTER ROLE audit SET default_transaction_read_only = on;
GRANT pg_read_all_data TO audit;

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
FROM service WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = service.name) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM pg_database WHERE datname IN ('postgres', 'template1', 'orders', 'products', 'delivery') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO audit', name) FROM service \gexec
