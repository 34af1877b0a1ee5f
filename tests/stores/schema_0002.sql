BEGIN TRANSACTION;
CREATE TABLE acts (
	id TEXT NOT NULL, 
	body TEXT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "acts" VALUES('act-1','{"id":"act-1","kind":"override","match":"production/*","at":"2026-05-04T12:30:00.250000+00:00","owner":"kim","reason":"launch","until":null,"action":"block","amount":null,"noise":false,"ended_at":null}','bb42d8a052d58a6552305e18a93512f0');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE breakers (
	circuit TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (circuit)
)
 WITHOUT ROWID

;
INSERT INTO "breakers" VALUES('production/AmazonEC2','production',1,'{"circuit":"production/AmazonEC2","monitor":"production","values":["AmazonEC2"],"version":1,"phase":"open","judged_through":"2026-05-03T12:30:00.250000+00:00","skipped":[],"failing":[],"provisional":["2026-05-04T12:30:00.250000+00:00"],"last_success":null,"last_failure":null,"successes":0,"trips":1,"opened_at":"2026-05-04T12:30:00.250000+00:00","opened_through":null,"cooldown_until":"2026-05-06T12:30:00.250000+00:00","anomalies":[{"at":"2026-05-03T12:30:00.250000+00:00","excess":412.5,"admitted":false}],"anomaly_since":null,"anomaly_limit":null,"budget_start":null,"budget_breached":false,"budget_limit":"1000.00","breached_by":null,"after_breach":false,"closed_start":null,"closed_breached":false,"closed_limit":null,"closed_over":false,"closed_spend":null,"alerted":{"tripped":"2026-05-04T12:30:00.250000+00:00"},"reminded_at":null,"acked_at":null,"latest":{"at":"2026-05-03T12:30:00.250000+00:00","value":0.30000000000000004,"expected":100.0,"limit":null,"excess":412.5,"failure":true,"provisional":false,"reasons":["anomaly"]},"budget":null,"decision":{"circuit":"production/AmazonEC2","monitor":"production","id":"production/AmazonEC2#1","version":1,"at":"2026-05-04T12:30:00.250000+00:00","since":"2026-05-04T12:30:00.250000+00:00","action":"block","would":"block","mode":"enforce","severity":"critical","reasons":["budget_breached","anomaly"],"text":"1,240.10 of 1,000 USD are spent","phase":"open","data_as_of":"2026-05-04T11:30:00.250000+00:00","stale":false,"stale_at":"2026-05-05T12:30:00.250000+00:00","when_stale":"hold","valid_until":"2026-05-04T13:30:00.250000+00:00","currency":"USD","spend":"1240.10","budget":"1000","projected":null,"owner":null,"override":null}}','68ea2314e035a616beb336fbc7c9e2aa');
INSERT INTO "breakers" VALUES('sandbox','sandbox',1,'{"circuit":"sandbox","monitor":"sandbox","values":[],"version":1,"phase":"open","judged_through":"2026-05-03T12:30:00.250000+00:00","skipped":[],"failing":[],"provisional":["2026-05-04T12:30:00.250000+00:00"],"last_success":null,"last_failure":null,"successes":0,"trips":1,"opened_at":"2026-05-04T12:30:00.250000+00:00","opened_through":null,"cooldown_until":"2026-05-06T12:30:00.250000+00:00","anomalies":[{"at":"2026-05-03T12:30:00.250000+00:00","excess":412.5,"admitted":false}],"anomaly_since":null,"anomaly_limit":null,"budget_start":null,"budget_breached":false,"budget_limit":"1000.00","breached_by":null,"after_breach":false,"closed_start":null,"closed_breached":false,"closed_limit":null,"closed_over":false,"closed_spend":null,"alerted":{"tripped":"2026-05-04T12:30:00.250000+00:00"},"reminded_at":null,"acked_at":null,"latest":{"at":"2026-05-03T12:30:00.250000+00:00","value":0.30000000000000004,"expected":100.0,"limit":null,"excess":412.5,"failure":true,"provisional":false,"reasons":["anomaly"]},"budget":null,"decision":{"circuit":"sandbox","monitor":"sandbox","id":"sandbox#1","version":1,"at":"2026-05-04T12:30:00.250000+00:00","since":"2026-05-04T12:30:00.250000+00:00","action":"block","would":"block","mode":"enforce","severity":"critical","reasons":["budget_breached","anomaly"],"text":"1,240.10 of 1,000 USD are spent","phase":"open","data_as_of":"2026-05-04T11:30:00.250000+00:00","stale":false,"stale_at":"2026-05-05T12:30:00.250000+00:00","when_stale":"hold","valid_until":"2026-05-04T13:30:00.250000+00:00","currency":"USD","spend":"1240.10","budget":"1000","projected":null,"owner":null,"override":null}}','28850238809385c0c53f147cac538aa1');
CREATE TABLE history (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	body TEXT NOT NULL, 
	checksum VARCHAR(32) NOT NULL
);
INSERT INTO "history" VALUES(1,1777897800250000,'transition','production/AmazonEC2','{"at":"2026-05-04T12:30:00.250000+00:00","kind":"transition","subject":"production/AmazonEC2","version":1,"detail":{"from":"closed","to":"open"},"seq":0}','4d742c6667630cb2683e6ce9e4cce449');
INSERT INTO "history" VALUES(2,1777897800250000,'transition','sandbox','{"at":"2026-05-04T12:30:00.250000+00:00","kind":"transition","subject":"sandbox","version":1,"detail":{"from":"closed","to":"open"},"seq":0}','c906edc52f1735d466ef867243b4b8b3');
CREATE TABLE ledger (
	id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	grain VARCHAR(8) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	said_at BIGINT NOT NULL, 
	rows BIGINT NOT NULL, 
	body BLOB NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "ledger" VALUES(1,'aws','day','2026-05-04',1777897800250000,1,X'6172726F77','110d42c619c49b67a526cf775290edcc');
CREATE TABLE meta (
	id INTEGER NOT NULL, 
	epoch TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	serial BIGINT NOT NULL, 
	acts_version BIGINT NOT NULL, 
	breakers BIGINT NOT NULL, 
	acts BIGINT NOT NULL, 
	newest BIGINT, 
	pruned_before BIGINT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "meta" VALUES(1,'b127e1d2ab5730a16f643622f583f955',1795531628242433,3,1,2,1,1777897800250000,0,'2dc717afcedf21932fb603de742083e9');
CREATE TABLE meter (
	source TEXT NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	requests BIGINT NOT NULL, 
	dollars TEXT NOT NULL, 
	bytes BIGINT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (source, day)
)
 WITHOUT ROWID

;
INSERT INTO "meter" VALUES('aws','2026-05-04',3,'0.03',4096,'19e16e9f3ef8d60533e39606d45e01a8');
CREATE TABLE outbox (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	owed_at BIGINT NOT NULL, 
	next_try BIGINT, 
	body TEXT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "outbox" VALUES(1,'msg-1','owed',1777897800250000,NULL,'{"id":"msg-1","channel":"slack","monitor":"production","owed_at":"2026-05-04T12:30:00.250000+00:00","severity":"critical","envelope":{"text":"blocked","n":[1,2.5,null,true]},"attempts":0,"next_try":null,"state":"owed","error":null,"sent_at":null,"plain":false}','b9a5eff5f4b7aebf7f4f8e4c3d0d8d89');
CREATE TABLE sources (
	source TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	checksum VARCHAR(32) NOT NULL, 
	PRIMARY KEY (source)
)
 WITHOUT ROWID

;
INSERT INTO "sources" VALUES('aws',1,'{"source":"aws","version":1,"watermark":"2026-05-03T12:30:00.250000+00:00","newest":null,"status":null,"last_attempt":"2026-05-04T12:30:00.250000+00:00","last_success":null,"failures":0,"error":null,"permanent":false,"blind_since":null,"broken":[],"accounts":[],"notes":[],"has_effective":true,"has_billed":true,"dimensions":[],"marks":{},"absent":{}}','312be2639b061f6d2521cdebb841f0c8');
CREATE INDEX ledger_by_source ON ledger (source, grain, day);
CREATE INDEX ledger_by_day ON ledger (day);
CREATE INDEX history_by_kind ON history (kind, at);
CREATE INDEX history_by_subject ON history (subject, seq);
CREATE INDEX history_by_age ON history (at);
CREATE INDEX outbox_by_state ON outbox (state, owed_at);
CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_is_only_pruned BEFORE DELETE ON history WHEN OLD.at >= (SELECT pruned_before FROM meta) BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('history',2);
COMMIT;
