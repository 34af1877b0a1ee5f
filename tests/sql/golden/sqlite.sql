-- the session
PRAGMA query_only = ON


-- the sums
SELECT c.w, c.s, c.a, count(*) AS count_1, c.u, c.k, c.d0, c.d1, c.d2, c.t, c.v0, c.v1 
FROM (SELECT j.w AS w, j.s AS s, j.a AS a, CASE WHEN (j.s = 0) THEN j.u END AS u, CASE WHEN (j.s = 0) THEN j.k END AS k, CASE WHEN (j.s = 0) THEN j.d0 END AS d0, CASE WHEN (j.s = 0) THEN j.d1 END AS d1, CASE WHEN (j.s = 0) THEN j.d2 END AS d2, CASE WHEN (j.s = 0) THEN j.t END AS t, CASE WHEN (j.s = 0) THEN j.v0 END AS v0, CASE WHEN (j.s = 0) THEN j.v1 END AS v1 
FROM (SELECT r.w AS w, r.a AS a, r.u AS u, r.k AS k, r.d0 AS d0, r.d1 AS d1, r.d2 AS d2, r.t AS t, r.v0 AS v0, r.v1 AS v1, CASE WHEN (r.u IS NULL) THEN 2 WHEN (r.v0 IS NULL) THEN 3 WHEN (r.v1 IS NULL) THEN 4 ELSE 0 END AS s 
FROM (SELECT "ChargePeriodStart" AS w, CASE WHEN ("BillingAccountId" NOT IN ('', 'NULL', 'null')) THEN "BillingAccountId" END AS a, CASE WHEN ("BillingCurrency" NOT IN ('', 'NULL', 'null')) THEN "BillingCurrency" END AS u, CASE WHEN ("ChargeCategory" NOT IN ('', 'NULL', 'null')) THEN "ChargeCategory" END AS k, CASE WHEN ("ServiceName" NOT IN ('', 'NULL', 'null')) THEN "ServiceName" END AS d0, CASE WHEN (CAST("SubAccountId" AS TEXT) NOT IN ('', 'NULL', 'null')) THEN CAST("SubAccountId" AS TEXT) END AS d1, coalesce(CASE WHEN ("ServiceProviderName" NOT IN ('', 'NULL', 'null')) THEN "ServiceProviderName" END, CASE WHEN ("ProviderName" NOT IN ('', 'NULL', 'null')) THEN "ProviderName" END) AS d2, CAST("Tags" AS TEXT) AS t, "BilledCost" AS v0, "EffectiveCost" AS v1 
FROM charges 
WHERE "ChargePeriodStart" >= ? AND "ChargePeriodStart" < ? AND "ChargePeriodStart" LIKE ?) AS r) AS j) AS c GROUP BY c.w, c.s, c.a, c.u, c.k, c.d0, c.d1, c.d2, c.t, c.v0, c.v1
 LIMIT 500001 OFFSET ?
-- param_1 = '2024-10-30'
-- param_2 = '2024-11-05'
-- param_3 = '____-__-__%'
-- param_4 = 0


-- rows that begin at no time
SELECT "BillingPeriodStart", count(*) AS count_1 
FROM charges 
WHERE "ChargePeriodStart" IS NULL OR "ChargePeriodStart" < ? OR "ChargePeriodStart" >= ? OR "ChargePeriodStart" NOT LIKE ? GROUP BY "BillingPeriodStart"
-- param_1 = '2000-01-01'
-- param_2 = '2034-11-03'
-- param_3 = '____-__-__%'


-- the newest charge
SELECT "ChargePeriodStart" 
FROM charges 
WHERE "ChargePeriodStart" >= ? AND "ChargePeriodStart" < ? AND "ChargePeriodStart" LIKE ? GROUP BY "ChargePeriodStart" ORDER BY "ChargePeriodStart" DESC
 LIMIT 1000 OFFSET ?
-- param_1 = '2000-01-01'
-- param_2 = '2024-11-04'
-- param_3 = '____-__-__%'
-- param_4 = 0


-- what there is (check --live)
SELECT r.a, r.u, count(*) AS count_1, min(r.w) AS min_1, max(r.w) AS max_1 
FROM (SELECT CASE WHEN ("BillingAccountId" NOT IN ('', 'NULL', 'null')) THEN "BillingAccountId" END AS a, CASE WHEN ("BillingCurrency" NOT IN ('', 'NULL', 'null')) THEN "BillingCurrency" END AS u, "ChargePeriodStart" AS w 
FROM charges 
WHERE NOT ("ChargePeriodStart" IS NULL OR "ChargePeriodStart" < ? OR "ChargePeriodStart" >= ? OR "ChargePeriodStart" NOT LIKE ?)) AS r GROUP BY r.a, r.u
 LIMIT 500001 OFFSET ?
-- param_1 = '2000-01-01'
-- param_2 = '2034-11-03'
-- param_3 = '____-__-__%'
-- param_4 = 0
