-- A store as version 1 of the tables had it, with a run that is done and one that was interrupted.
BEGIN TRANSACTION;
CREATE TABLE harness_curves (
	run VARCHAR(12) NOT NULL,
	epoch INTEGER NOT NULL,
	step BIGINT NOT NULL,
	seconds DOUBLE,
	train_loss DOUBLE,
	valid_loss DOUBLE,
	valid DOUBLE,
	lr DOUBLE,
	PRIMARY KEY (run, epoch),
	FOREIGN KEY(run) REFERENCES harness_runs (id) ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "harness_curves" VALUES('aaaaaaaaaaaa',1,10,1.5,2.0,2.5,0.5,0.001);
INSERT INTO "harness_curves" VALUES('bbbbbbbbbbbb',1,10,1.5,2.0,2.5,0.5,0.001);
CREATE TABLE harness_meta (
	"key" VARCHAR(40) NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY ("key")
);
INSERT INTO "harness_meta" VALUES('schema','1');
INSERT INTO "harness_meta" VALUES('created','2025-01-01T00:00:00.000000Z');
CREATE TABLE harness_runs (
	id VARCHAR(12) NOT NULL,
	arch TEXT NOT NULL,
	task TEXT NOT NULL,
	seed BIGINT NOT NULL,
	state VARCHAR(20) NOT NULL,
	reason TEXT,
	metric VARCHAR(20) NOT NULL,
	metrics TEXT NOT NULL,
	recipe_name TEXT NOT NULL,
	recipe_hash TEXT NOT NULL,
	device TEXT NOT NULL,
	parameters BIGINT NOT NULL,
	parameters_without_embedding BIGINT NOT NULL,
	epochs_done BIGINT NOT NULL,
	steps_done BIGINT NOT NULL,
	seconds DOUBLE,
	data_checksum TEXT NOT NULL,
	created VARCHAR(32) NOT NULL,
	updated VARCHAR(32) NOT NULL,
	warnings TEXT NOT NULL,
	backends TEXT NOT NULL,
	recipe TEXT NOT NULL,
	environment TEXT NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "harness_runs" VALUES('aaaaaaaaaaaa','lstm','psdigits',0,'done',NULL,'accuracy','{"valid":0.5,"test":0.25}','standard','8979192e5780ee06','cpu',9,9,1,10,1.5,'d00d','2025-01-01T00:00:00.000000Z','2025-01-01T00:00:00.000000Z','[]','{"lstm":{"torch":10}}','{"arch":"lstm","task":"psdigits","layer":{"hidden_size":8},"training":{"epochs":2,"lr":0.001}}','{"threads":1}');
INSERT INTO "harness_runs" VALUES('bbbbbbbbbbbb','lstm','psdigits',1,'interrupted','stopped by SIGTERM','accuracy','{"valid":0.125,"test":null}','standard','8979192e5780ee06','cpu',9,9,1,10,1.5,'d00d','2025-01-02T00:00:00.000000Z','2025-01-02T00:00:00.000000Z','[]','{"lstm":{"torch":10}}','{"arch":"lstm","task":"psdigits","layer":{"hidden_size":8},"training":{"epochs":2,"lr":0.001}}','{"threads":1}');
CREATE TABLE harness_timings (
	id VARCHAR(12) NOT NULL,
	sitting VARCHAR(12) NOT NULL,
	preset TEXT,
	arch TEXT NOT NULL,
	layer TEXT NOT NULL,
	length BIGINT NOT NULL,
	batch BIGINT NOT NULL,
	input_size BIGINT NOT NULL,
	hidden_size BIGINT NOT NULL,
	num_layers BIGINT NOT NULL,
	dtype TEXT NOT NULL,
	device TEXT NOT NULL,
	threads BIGINT NOT NULL,
	backend TEXT NOT NULL,
	state VARCHAR(20) NOT NULL,
	reason TEXT,
	created VARCHAR(32) NOT NULL,
	backends TEXT NOT NULL,
	phases TEXT NOT NULL,
	memory TEXT NOT NULL,
	work TEXT NOT NULL,
	"references" TEXT NOT NULL,
	environment TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX harness_runs_task ON harness_runs (task, created, id);
CREATE INDEX harness_runs_state ON harness_runs (state, created, id);
CREATE INDEX harness_runs_newest ON harness_runs (created, id);
CREATE INDEX harness_runs_pair ON harness_runs (arch, task, created, id);
CREATE INDEX harness_runs_same ON harness_runs (recipe_hash, seed, device, created, id);
CREATE INDEX harness_timings_newest ON harness_timings (created, id);
COMMIT;
