-- the session



-- the sums
SELECT c.w, c.s, c.a, count(*) AS count_1, c.u, c.k, c.d0, c.d1, c.d2, c.d3, sum(c.v0) AS sum_1, sum(c.v1) AS sum_2 
FROM (SELECT j.w AS w, j.s AS s, j.a AS a, CASE WHEN (j.s = 0) THEN j.u END AS u, CASE WHEN (j.s = 0) THEN j.k END AS k, CASE WHEN (j.s = 0) THEN j.d0 END AS d0, CASE WHEN (j.s = 0) THEN j.d1 END AS d1, CASE WHEN (j.s = 0) THEN j.d2 END AS d2, CASE WHEN (j.s = 0) THEN j.d3 END AS d3, CASE WHEN (j.s = 0) THEN j.v0 END AS v0, CASE WHEN (j.s = 0) THEN j.v1 END AS v1 
FROM (SELECT r.w AS w, r.a AS a, r.u AS u, r.k AS k, r.d0 AS d0, r.d1 AS d1, r.d2 AS d2, r.d3 AS d3, r.v0 AS v0, r.v1 AS v1, CASE WHEN (r.u IS NULL) THEN 2 WHEN (r.v0 IS NULL) THEN 3 WHEN (r.v1 IS NULL) THEN 4 WHEN (CASE WHEN (r.d0 IS NULL) THEN 1 WHEN (r.d0 LIKE ? ESCAPE '!' OR r.d0 LIKE ? ESCAPE '!' OR r.d0 = ?) THEN 1 ELSE 0 END != 1) THEN 1 WHEN (CASE WHEN (r.d3 IS NULL) THEN 1 WHEN (r.d3 = ?) THEN 0 ELSE 1 END != 1) THEN 1 WHEN (CASE WHEN (coalesce(r.k, 'Usage') IS NULL) THEN 0 WHEN (coalesce(r.k, 'Usage') = ?) THEN 1 ELSE 0 END != 1) THEN 1 ELSE 0 END AS s 
FROM (SELECT CASE WHEN ("ChargePeriodStart" < TIMESTAMP '2024-11-02 18:30:00 UTC') THEN CASE WHEN ("ChargePeriodStart" < TIMESTAMP '2024-11-02 07:00:00 UTC') THEN 0 ELSE 1 END ELSE CASE WHEN ("ChargePeriodStart" < TIMESTAMP '2024-11-03 07:00:00 UTC') THEN 2 ELSE 3 END END AS w, CASE WHEN ("BillingAccountId" NOT IN ('', 'NULL', 'null')) THEN "BillingAccountId" END AS a, CASE WHEN ("BillingCurrency" NOT IN ('', 'NULL', 'null')) THEN "BillingCurrency" END AS u, CASE WHEN ("ChargeCategory" NOT IN ('', 'NULL', 'null')) THEN "ChargeCategory" END AS k, CASE WHEN ("ServiceName" NOT IN ('', 'NULL', 'null')) THEN "ServiceName" END AS d0, CASE WHEN (CAST("SubAccountId" AS VARCHAR) NOT IN ('', 'NULL', 'null')) THEN CAST("SubAccountId" AS VARCHAR) END AS d1, coalesce(CASE WHEN ("ServiceProviderName" NOT IN ('', 'NULL', 'null')) THEN "ServiceProviderName" END, CASE WHEN ("ProviderName" NOT IN ('', 'NULL', 'null')) THEN "ProviderName" END) AS d2, nullif(element_at("Tags", ?), '') AS d3, CASE WHEN ("BilledCost" > -1E20 AND "BilledCost" < 1E20) THEN CAST("BilledCost" AS DECIMAL(38, 18)) END AS v0, CASE WHEN (abs("EffectiveCost") < 1E-3) THEN CAST("EffectiveCost" AS DECIMAL(38, 18)) WHEN (abs("EffectiveCost") < 1) THEN CAST(CAST("EffectiveCost" AS DECIMAL(18, 15)) AS DECIMAL(38, 18)) WHEN (abs("EffectiveCost") < 1E3) THEN CAST(CAST("EffectiveCost" AS DECIMAL(18, 12)) AS DECIMAL(38, 18)) WHEN (abs("EffectiveCost") < 1E6) THEN CAST(CAST("EffectiveCost" AS DECIMAL(18, 9)) AS DECIMAL(38, 18)) WHEN (abs("EffectiveCost") < 1E9) THEN CAST(CAST("EffectiveCost" AS DECIMAL(18, 6)) AS DECIMAL(38, 18)) WHEN (abs("EffectiveCost") < 1E20) THEN CAST(CAST("EffectiveCost" AS DECIMAL(38, 3)) AS DECIMAL(38, 18)) END AS v1 
FROM focus.charges 
WHERE "ChargePeriodStart" >= TIMESTAMP '2024-11-01 07:00:00 UTC' AND "ChargePeriodStart" < TIMESTAMP '2024-11-03 12:00:00 UTC') AS r) AS j) AS c GROUP BY c.w, c.s, c.a, c.u, c.k, c.d0, c.d1, c.d2, c.d3
LIMIT 500001
-- param_1 = 'Amazon%'
-- param_2 = 'a!%!_!!_'
-- param_3 = '(none)'
-- param_4 = "it's"
-- param_5 = 'Usage'
-- param_6 = 'cost-center'


-- rows that begin at no time
SELECT "BillingPeriodStart", count(*) AS count_1 
FROM focus.charges 
WHERE "ChargePeriodStart" IS NULL OR "ChargePeriodStart" < TIMESTAMP '2000-01-01 00:00:00 UTC' OR "ChargePeriodStart" >= TIMESTAMP '2034-11-03 18:30:00 UTC' GROUP BY "BillingPeriodStart"


-- the newest charge
SELECT max("ChargePeriodStart") AS max_1 
FROM focus.charges 
WHERE "ChargePeriodStart" >= TIMESTAMP '2000-01-01 00:00:00 UTC' AND "ChargePeriodStart" < TIMESTAMP '2024-11-02 18:30:00 UTC'


-- what there is (check --live)
SELECT r.a, r.u, count(*) AS count_1, min(r.w) AS min_1, max(r.w) AS max_1 
FROM (SELECT CASE WHEN ("BillingAccountId" NOT IN ('', 'NULL', 'null')) THEN "BillingAccountId" END AS a, CASE WHEN ("BillingCurrency" NOT IN ('', 'NULL', 'null')) THEN "BillingCurrency" END AS u, "ChargePeriodStart" AS w 
FROM focus.charges 
WHERE NOT ("ChargePeriodStart" IS NULL OR "ChargePeriodStart" < TIMESTAMP '2000-01-01 00:00:00 UTC' OR "ChargePeriodStart" >= TIMESTAMP '2034-11-03 18:30:00 UTC')) AS r GROUP BY r.a, r.u
LIMIT 500001
