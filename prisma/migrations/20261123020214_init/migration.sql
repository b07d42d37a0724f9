-- CreateTable
CREATE TABLE "partner" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "title" TEXT NOT NULL DEFAULT '',
    "notes" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "partner_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "endpoint" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "partner_id" UUID,
    "kind" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "pool" TEXT NOT NULL DEFAULT 'default',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "endpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "host_key" (
    "id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "algorithm" TEXT NOT NULL,
    "public_key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "host_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "envelope" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "topic" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "published_at" TIMESTAMPTZ(3),

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_event" (
    "seq" BIGINT NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "actor_kind" TEXT NOT NULL,
    "actor_id" TEXT,
    "actor_name" TEXT NOT NULL,
    "address" TEXT,
    "request_id" TEXT,
    "subject_kind" TEXT NOT NULL DEFAULT '',
    "subject_id" TEXT NOT NULL DEFAULT '',
    "data" TEXT NOT NULL,
    "previous_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "audit_head" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "seq" BIGINT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run" (
    "id" UUID NOT NULL,
    "transfer_id" UUID NOT NULL,
    "transfer_version_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    "occurrence_id" UUID,
    "idempotency_key" TEXT,
    "request_hash" TEXT,
    "pool" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL DEFAULT 1,
    "attempts_used" INTEGER NOT NULL DEFAULT 0,
    "not_before" TIMESTAMPTZ(3),
    "enqueued_at" TIMESTAMPTZ(3),
    "lease_owner" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "failure_code" TEXT,
    "failure_message" TEXT,
    "files_selected" INTEGER NOT NULL DEFAULT 0,
    "files_delivered" INTEGER NOT NULL DEFAULT 0,
    "files_failed" INTEGER NOT NULL DEFAULT 0,
    "files_skipped" INTEGER NOT NULL DEFAULT 0,
    "bytes_selected" BIGINT NOT NULL DEFAULT 0,
    "bytes_moved" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempt" (
    "id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "worker_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "failure_code" TEXT,
    "failure_message" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "delivery" (
    "id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "source_path" TEXT NOT NULL,
    "target_path" TEXT NOT NULL,
    "part_path" TEXT,
    "size" BIGINT NOT NULL,
    "source_modified_at" TIMESTAMPTZ(3),
    "state" TEXT NOT NULL,
    "checkpoint_bytes" BIGINT NOT NULL DEFAULT 0,
    "checkpoint_sha256" TEXT,
    "resumed_from" BIGINT NOT NULL DEFAULT 0,
    "sha256" TEXT,
    "assurance" TEXT NOT NULL DEFAULT 'none',
    "committing_at" TIMESTAMPTZ(3),
    "delivered_at" TIMESTAMPTZ(3),
    "disposed_at" TIMESTAMPTZ(3),
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "failure_code" TEXT,
    "failure_message" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "delivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "worker" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "pools" TEXT[],
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "concurrency" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "stopped_at" TIMESTAMPTZ(3),

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "transfer" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "current_version" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "transfer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "transfer_version" (
    "id" UUID NOT NULL,
    "transfer_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "definition" JSONB NOT NULL,
    "source_endpoint_id" UUID NOT NULL,
    "target_endpoint_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "transfer_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "schedule" (
    "id" UUID NOT NULL,
    "transfer_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "cron" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL,
    "catch_up" TEXT NOT NULL DEFAULT 'latest',
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "next_due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "schedule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "occurrence" (
    "id" UUID NOT NULL,
    "schedule_id" UUID NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "occurrence_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "partner_name_key" ON "partner"("name");

-- CreateIndex
CREATE UNIQUE INDEX "endpoint_name_key" ON "endpoint"("name");

-- CreateIndex
CREATE INDEX "endpoint_partner_id_idx" ON "endpoint"("partner_id");

-- CreateIndex
CREATE UNIQUE INDEX "host_key_endpoint_id_fingerprint_key" ON "host_key"("endpoint_id", "fingerprint");

-- CreateIndex
CREATE UNIQUE INDEX "credential_endpoint_id_key" ON "credential"("endpoint_id");

-- CreateIndex
CREATE UNIQUE INDEX "audit_event_id_key" ON "audit_event"("id");

-- CreateIndex
CREATE INDEX "audit_event_type_seq_idx" ON "audit_event"("type", "seq" DESC);

-- CreateIndex
CREATE INDEX "audit_event_subject_kind_subject_id_seq_idx" ON "audit_event"("subject_kind", "subject_id", "seq" DESC);

-- CreateIndex
CREATE INDEX "audit_event_actor_id_seq_idx" ON "audit_event"("actor_id", "seq" DESC);

-- CreateIndex
CREATE INDEX "audit_event_at_idx" ON "audit_event"("at");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_name_key" ON "api_key"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_prefix_key" ON "api_key"("prefix");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_hash_key" ON "api_key"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "run_occurrence_id_key" ON "run"("occurrence_id");

-- CreateIndex
CREATE INDEX "run_transfer_id_id_idx" ON "run"("transfer_id", "id" DESC);

-- CreateIndex
CREATE INDEX "run_state_id_idx" ON "run"("state", "id" DESC);

-- CreateIndex
CREATE INDEX "run_transfer_version_id_idx" ON "run"("transfer_version_id");

-- CreateIndex
CREATE UNIQUE INDEX "run_transfer_id_idempotency_key_key" ON "run"("transfer_id", "idempotency_key");

-- CreateIndex
CREATE INDEX "attempt_worker_id_idx" ON "attempt"("worker_id");

-- CreateIndex
CREATE UNIQUE INDEX "attempt_run_id_epoch_key" ON "attempt"("run_id", "epoch");

-- CreateIndex
CREATE INDEX "delivery_run_id_id_idx" ON "delivery"("run_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "delivery_run_id_source_path_key" ON "delivery"("run_id", "source_path");

-- CreateIndex
CREATE INDEX "worker_heartbeat_at_idx" ON "worker"("heartbeat_at");

-- CreateIndex
CREATE UNIQUE INDEX "transfer_name_key" ON "transfer"("name");

-- CreateIndex
CREATE INDEX "transfer_version_source_endpoint_id_idx" ON "transfer_version"("source_endpoint_id");

-- CreateIndex
CREATE INDEX "transfer_version_target_endpoint_id_idx" ON "transfer_version"("target_endpoint_id");

-- CreateIndex
CREATE UNIQUE INDEX "transfer_version_transfer_id_number_key" ON "transfer_version"("transfer_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "schedule_name_key" ON "schedule"("name");

-- CreateIndex
CREATE INDEX "schedule_next_due_at_idx" ON "schedule"("next_due_at");

-- CreateIndex
CREATE INDEX "schedule_transfer_id_idx" ON "schedule"("transfer_id");

-- CreateIndex
CREATE UNIQUE INDEX "occurrence_schedule_id_due_at_key" ON "occurrence"("schedule_id", "due_at");

-- AddForeignKey
ALTER TABLE "endpoint" ADD CONSTRAINT "endpoint_partner_id_fkey" FOREIGN KEY ("partner_id") REFERENCES "partner"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "host_key" ADD CONSTRAINT "host_key_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_transfer_version_id_fkey" FOREIGN KEY ("transfer_version_id") REFERENCES "transfer_version"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_occurrence_id_fkey" FOREIGN KEY ("occurrence_id") REFERENCES "occurrence"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_worker_id_fkey" FOREIGN KEY ("worker_id") REFERENCES "worker"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfer_version" ADD CONSTRAINT "transfer_version_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfer_version" ADD CONSTRAINT "transfer_version_source_endpoint_id_fkey" FOREIGN KEY ("source_endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfer_version" ADD CONSTRAINT "transfer_version_target_endpoint_id_fkey" FOREIGN KEY ("target_endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "occurrence" ADD CONSTRAINT "occurrence_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedule"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on written by hand: what the schema language has no words for.

-- Closed lists. A test of packages/db holds them to the lists in packages/domain; a new value is a new migration.
ALTER TABLE "endpoint" ADD CONSTRAINT "endpoint_kind_known"
  CHECK ("kind" IN ('sftp', 'local'));
ALTER TABLE "host_key" ADD CONSTRAINT "host_key_state_known"
  CHECK ("state" IN ('proposed', 'active', 'retiring', 'revoked'));
ALTER TABLE "credential" ADD CONSTRAINT "credential_kind_known"
  CHECK ("kind" IN ('password', 'private-key', 'keyboard-interactive'));
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_kind_known"
  CHECK ("kind" IN ('push', 'pull', 'relay'));
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_catch_up_known"
  CHECK ("catch_up" IN ('skip', 'latest', 'all'));
ALTER TABLE "occurrence" ADD CONSTRAINT "occurrence_state_known"
  CHECK ("state" IN ('fired', 'skipped'));
ALTER TABLE "run" ADD CONSTRAINT "run_state_known"
  CHECK ("state" IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled', 'held'));
ALTER TABLE "run" ADD CONSTRAINT "run_trigger_known"
  CHECK ("trigger" IN ('schedule', 'request'));
ALTER TABLE "run" ADD CONSTRAINT "run_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_state_known"
  CHECK ("state" IN ('running', 'succeeded', 'failed', 'cancelled', 'lost', 'handed-back'));
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_state_known"
  CHECK ("state" IN ('selected', 'moving', 'delivered', 'skipped', 'failed', 'unknown'));
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_assurance_known"
  CHECK ("assurance" IN ('none', 'size', 'read-back', 'remote-hash', 'acknowledged'));
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "audit_event" ADD CONSTRAINT "audit_event_outcome_known"
  CHECK ("outcome" IN ('succeeded', 'denied'));
ALTER TABLE "audit_event" ADD CONSTRAINT "audit_event_actor_kind_known"
  CHECK ("actor_kind" IN ('api-key', 'scheduler', 'worker', 'system', 'anonymous'));
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_scopes_known"
  CHECK ("scopes" <@ ARRAY['read', 'operate', 'define', 'audit', 'admin']);

-- A run: leased while it runs, dated when it is over.
ALTER TABLE "run"
  ADD CONSTRAINT "run_epoch_positive" CHECK ("epoch" >= 1),
  ADD CONSTRAINT "run_counts_not_negative" CHECK (
    least("attempts_used", "files_selected", "files_delivered", "files_failed", "files_skipped") >= 0
    AND least("bytes_selected", "bytes_moved") >= 0
  ),
  ADD CONSTRAINT "run_running_is_leased" CHECK (
    "state" <> 'running' OR ("lease_owner" IS NOT NULL AND "lease_until" IS NOT NULL)
  ),
  ADD CONSTRAINT "run_final_is_finished" CHECK (
    "state" NOT IN ('succeeded', 'partial', 'failed', 'cancelled') OR "finished_at" IS NOT NULL
  );

ALTER TABLE "attempt"
  ADD CONSTRAINT "attempt_epoch_positive" CHECK ("epoch" >= 1),
  ADD CONSTRAINT "attempt_final_is_finished" CHECK ("state" = 'running' OR "finished_at" IS NOT NULL);

-- A delivery: what is called delivered has its proof.
ALTER TABLE "delivery"
  ADD CONSTRAINT "delivery_sizes_not_negative" CHECK (
    least("size", "checkpoint_bytes", "resumed_from") >= 0 AND "epoch" >= 0
  ),
  ADD CONSTRAINT "delivery_sha256_is_hex" CHECK ("sha256" ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT "delivery_checkpoint_sha256_is_hex" CHECK ("checkpoint_sha256" ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT "delivery_checkpoint_is_hashed" CHECK ("checkpoint_bytes" = 0 OR "checkpoint_sha256" IS NOT NULL),
  ADD CONSTRAINT "delivery_delivered_is_proven" CHECK (
    "state" <> 'delivered' OR ("sha256" IS NOT NULL AND "delivered_at" IS NOT NULL)
  );

ALTER TABLE "api_key" ADD CONSTRAINT "api_key_hash_is_hex" CHECK ("hash" ~ '^[0-9a-f]{64}$');

-- The audit chain: one head, which stands before the first event.
ALTER TABLE "audit_event" ADD CONSTRAINT "audit_event_hashes_are_hex" CHECK (
  "hash" ~ '^[0-9a-f]{64}$' AND "previous_hash" ~ '^[0-9a-f]{64}$'
);
ALTER TABLE "audit_head"
  ADD CONSTRAINT "audit_head_only_one" CHECK ("id" = 1),
  ADD CONSTRAINT "audit_head_hash_is_hex" CHECK ("hash" ~ '^[0-9a-f]{64}$');
INSERT INTO "audit_head" ("id", "seq", "hash") VALUES (1, 0, repeat('0', 64));

-- Small indexes over the few rows that background work looks for all the time.
CREATE INDEX "run_to_dispatch_idx" ON "run" ("id") WHERE "state" = 'queued' AND "enqueued_at" IS NULL;
CREATE INDEX "run_lease_idx" ON "run" ("lease_until") WHERE "state" = 'running';
CREATE INDEX "outbox_to_publish_idx" ON "outbox" ("id") WHERE "published_at" IS NULL;
CREATE INDEX "schedule_due_idx" ON "schedule" ("next_due_at") WHERE "enabled";

-- Every run points at the version that it executed, so versions stay as they are.
CREATE FUNCTION "refuse_change" () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on %: its rows are immutable', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER "transfer_version_is_immutable" BEFORE UPDATE OR DELETE ON "transfer_version"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change" ();

-- A transfer's current version exists when the transaction ends. A trigger, because the two rows point at each other
-- and Prisma would have such a foreign key dropped in its next migration. Versions are never removed, so that the
-- transfer's side is all there is to watch.
CREATE FUNCTION "check_current_version" () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM "transfer_version" WHERE "transfer_id" = NEW."id" AND "number" = NEW."current_version"
  ) THEN
    RAISE EXCEPTION 'transfer % has no version %, which is to be its current one', NEW."id", NEW."current_version"
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfer_current_version_exists', TABLE = 'transfer';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "transfer_current_version_exists"
  AFTER INSERT OR UPDATE OF "current_version" ON "transfer"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "check_current_version" ();
