-- One database and one login role per service; nobody enters another's. Safe to run again: passwords follow .env.
-- Each database also has a role that only reads it, <service>_auditor, for `shop audit`.
-- Run by psql as the superuser, with SHOP_ORDERS_PASSWORD, SHOP_PRODUCTS_PASSWORD, SHOP_DELIVERY_PASSWORD and
-- SHOP_AUDIT_PASSWORD in the environment: letters, digits and -._~ only, because they stand in URLs as they are.
-- SHOP_DATABASE_PREFIX, if there is one, stands before the names of databases and roles: another shop on the same server.
\set ON_ERROR_STOP on
\set prefix ''
\getenv prefix SHOP_DATABASE_PREFIX
\getenv orders_password SHOP_ORDERS_PASSWORD
\getenv products_password SHOP_PRODUCTS_PASSWORD
\getenv delivery_password SHOP_DELIVERY_PASSWORD
\getenv audit_password SHOP_AUDIT_PASSWORD

CREATE TEMPORARY TABLE service (name text PRIMARY KEY, password text NOT NULL);
INSERT INTO service
SELECT :'prefix' || name, password
FROM (VALUES ('orders', :'orders_password'), ('products', :'products_password'), ('delivery', :'delivery_password')) AS given (name, password);
CREATE TEMPORARY TABLE login AS
SELECT name, name AS database, password FROM service
UNION ALL
SELECT name || '_auditor', name, :'audit_password' FROM service;

SELECT bool_or(password !~ '^[A-Za-z0-9._~-]+$') AS unusable FROM login \gset
\if :unusable
DO $$ BEGIN RAISE 'a SHOP_..._PASSWORD has other signs than letters, digits and -._~ (or none); openssl rand -hex 24 makes a good one'; END $$;
\endif

SELECT format('CREATE ROLE %I', name) FROM login WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login.name) \gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', name, password) FROM login \gexec
SELECT format('CREATE DATABASE %I OWNER %I', name, name)
FROM service WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = service.name) \gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM pg_database WHERE datname IN (SELECT name FROM service)
OR (:'prefix' = '' AND datname IN ('postgres', 'template1')) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', database, name) FROM login WHERE name <> database \gexec
SELECT format('GRANT pg_read_all_data TO %I', name)
FROM login WHERE name <> database AND NOT pg_has_role(name, 'pg_read_all_data', 'MEMBER') \gexec
SELECT format('ALTER ROLE %I SET default_transaction_read_only = on', name) FROM login WHERE name <> database \gexec
