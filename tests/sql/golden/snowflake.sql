-- the session
ALTER SESSION SET TIMEZONE = 'UTC';
ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 300


-- the sums
SELECT c.w, c.s, c.a, count(*) AS count_1, c.u, c.k, c.d0, c.d1, c.d2, c.d3, sum(c.v0) AS sum_1, sum(c.v1) AS sum_2 
FROM (SELECT j.w AS w, j.s AS s, j.a AS a, CASE WHEN (j.s = 0) THEN j.u END AS u, CASE WHEN (j.s = 0) THEN j.k END AS k, CASE WHEN (j.s = 0) THEN j.d0 END AS d0, CASE WHEN (j.s = 0) THEN j.d1 END AS d1, CASE WHEN (j.s = 0) THEN j.d2 END AS d2, CASE WHEN (j.s = 0) THEN j.d3 END AS d3, CASE WHEN (j.s = 0) THEN j.v0 END AS v0, CASE WHEN (j.s = 0) THEN j.v1 END AS v1 
FROM (SELECT r.w AS w, r.a AS a, r.u AS u, r.k AS k, r.d0 AS d0, r.d1 AS d1, r.d2 AS d2, r.d3 AS d3, r.v0 AS v0, r.v1 AS v1, CASE WHEN (r.u IS NULL) THEN 2 WHEN (r.v0 IS NULL) THEN 3 WHEN (r.v1 IS NULL) THEN 4 WHEN (CASE WHEN (r.d0 IS NULL) THEN 1 WHEN (r.d0 LIKE %(param_1)s ESCAPE '!' OR r.d0 LIKE %(param_2)s ESCAPE '!' OR r.d0 = %(param_3)s) THEN 1 ELSE 0 END != 1) THEN 1 WHEN (CASE WHEN (r.d3 IS NULL) THEN 1 WHEN (r.d3 = %(param_4)s) THEN 0 ELSE 1 END != 1) THEN 1 WHEN (CASE WHEN (coalesce(r.k, 'Usage') IS NULL) THEN 0 WHEN (coalesce(r.k, 'Usage') = %(param_5)s) THEN 1 ELSE 0 END != 1) THEN 1 ELSE 0 END AS s 
FROM (SELECT CASE WHEN (chargeperiodstart < CAST('2024-11-02 18:30:00' AS TIMESTAMP_NTZ)) THEN CASE WHEN (chargeperiodstart < CAST('2024-11-02 07:00:00' AS TIMESTAMP_NTZ)) THEN 0 ELSE 1 END ELSE CASE WHEN (chargeperiodstart < CAST('2024-11-03 07:00:00' AS TIMESTAMP_NTZ)) THEN 2 ELSE 3 END END AS w, CASE WHEN (billingaccountid NOT IN ('', 'NULL', 'null')) THEN billingaccountid END AS a, CASE WHEN (billingcurrency NOT IN ('', 'NULL', 'null')) THEN billingcurrency END AS u, CASE WHEN (chargecategory NOT IN ('', 'NULL', 'null')) THEN chargecategory END AS k, CASE WHEN (servicename NOT IN ('', 'NULL', 'null')) THEN servicename END AS d0, CASE WHEN (CAST(subaccountid AS VARCHAR) NOT IN ('', 'NULL', 'null')) THEN CAST(subaccountid AS VARCHAR) END AS d1, coalesce(CASE WHEN (serviceprovidername NOT IN ('', 'NULL', 'null')) THEN serviceprovidername END, CASE WHEN (providername NOT IN ('', 'NULL', 'null')) THEN providername END) AS d2, nullif(CAST(get(tags, %(param_6)s) AS VARCHAR), '') AS d3, CASE WHEN (billedcost > -1E20 AND billedcost < 1E20) THEN CAST(billedcost AS DECIMAL(38, 18)) END AS v0, CASE WHEN (abs(effectivecost) < 1E-3) THEN CAST(effectivecost AS DECIMAL(38, 18)) WHEN (abs(effectivecost) < 1) THEN CAST(CAST(effectivecost AS DECIMAL(18, 15)) AS DECIMAL(38, 18)) WHEN (abs(effectivecost) < 1E3) THEN CAST(CAST(effectivecost AS DECIMAL(18, 12)) AS DECIMAL(38, 18)) WHEN (abs(effectivecost) < 1E6) THEN CAST(CAST(effectivecost AS DECIMAL(18, 9)) AS DECIMAL(38, 18)) WHEN (abs(effectivecost) < 1E9) THEN CAST(CAST(effectivecost AS DECIMAL(18, 6)) AS DECIMAL(38, 18)) WHEN (abs(effectivecost) < 1E20) THEN CAST(CAST(effectivecost AS DECIMAL(38, 3)) AS DECIMAL(38, 18)) END AS v1 
FROM "BILLING"."FOCUS"."CHARGES" 
WHERE chargeperiodstart >= CAST('2024-11-01 07:00:00' AS TIMESTAMP_NTZ) AND chargeperiodstart < CAST('2024-11-03 12:00:00' AS TIMESTAMP_NTZ)) AS r) AS j) AS c GROUP BY c.w, c.s, c.a, c.u, c.k, c.d0, c.d1, c.d2, c.d3
 LIMIT 500001
-- param_1 = 'Amazon%'
-- param_2 = 'a!%!_!!_'
-- param_3 = '(none)'
-- param_4 = "it's"
-- param_5 = 'Usage'
-- param_6 = 'cost-center'


-- rows that begin at no time
SELECT billingperiodstart, count(*) AS count_1 
FROM "BILLING"."FOCUS"."CHARGES" 
WHERE chargeperiodstart IS NULL OR chargeperiodstart < CAST('2000-01-01 00:00:00' AS TIMESTAMP_NTZ) OR chargeperiodstart >= CAST('2034-11-03 18:30:00' AS TIMESTAMP_NTZ) GROUP BY billingperiodstart


-- the newest charge
SELECT max(chargeperiodstart) AS max_1 
FROM "BILLING"."FOCUS"."CHARGES" 
WHERE chargeperiodstart >= CAST('2000-01-01 00:00:00' AS TIMESTAMP_NTZ) AND chargeperiodstart < CAST('2024-11-02 18:30:00' AS TIMESTAMP_NTZ)


-- what there is (check --live)
SELECT r.a, r.u, count(*) AS count_1, min(r.w) AS min_1, max(r.w) AS max_1 
FROM (SELECT CASE WHEN (billingaccountid NOT IN ('', 'NULL', 'null')) THEN billingaccountid END AS a, CASE WHEN (billingcurrency NOT IN ('', 'NULL', 'null')) THEN billingcurrency END AS u, chargeperiodstart AS w 
FROM "BILLING"."FOCUS"."CHARGES" 
WHERE NOT (chargeperiodstart IS NULL OR chargeperiodstart < CAST('2000-01-01 00:00:00' AS TIMESTAMP_NTZ) OR chargeperiodstart >= CAST('2034-11-03 18:30:00' AS TIMESTAMP_NTZ))) AS r GROUP BY r.a, r.u
 LIMIT 500001
