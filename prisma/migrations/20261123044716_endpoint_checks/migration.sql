-- AlterTable
ALTER TABLE "endpoint" ADD COLUMN     "profile" JSONB,
ADD COLUMN     "profiled_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "endpoint_check" (
    "id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "pool" TEXT NOT NULL,
    "requested_by" TEXT NOT NULL,
    "worker_id" UUID,
    "report" JSONB,
    "failure_code" TEXT,
    "failure_message" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "endpoint_check_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "endpoint_check_endpoint_id_id_idx" ON "endpoint_check"("endpoint_id", "id" DESC);

-- CreateIndex
CREATE INDEX "endpoint_check_worker_id_idx" ON "endpoint_check"("worker_id");

-- AddForeignKey
ALTER TABLE "endpoint_check" ADD CONSTRAINT "endpoint_check_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "endpoint_check" ADD CONSTRAINT "endpoint_check_worker_id_fkey" FOREIGN KEY ("worker_id") REFERENCES "worker"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on written by hand: what the schema language has no words for.

ALTER TABLE "endpoint" ADD CONSTRAINT "endpoint_profile_is_dated" CHECK (
  ("profile" IS NULL) = ("profiled_at" IS NULL)
);

ALTER TABLE "endpoint_check"
  ADD CONSTRAINT "endpoint_check_kind_known" CHECK ("kind" IN ('probe', 'host-key-scan')),
  ADD CONSTRAINT "endpoint_check_state_known" CHECK ("state" IN ('queued', 'running', 'succeeded', 'failed')),
  ADD CONSTRAINT "endpoint_check_failure_code_known" CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  )),
  ADD CONSTRAINT "endpoint_check_running_has_worker" CHECK (
    "state" <> 'running' OR ("worker_id" IS NOT NULL AND "started_at" IS NOT NULL)
  ),
  ADD CONSTRAINT "endpoint_check_final_is_finished" CHECK (
    "state" NOT IN ('succeeded', 'failed') OR "finished_at" IS NOT NULL
  ),
  -- What passed has its report; what failed has a report that says where, or a failure that says why there is none.
  ADD CONSTRAINT "endpoint_check_final_is_explained" CHECK (
    CASE "state"
      WHEN 'succeeded' THEN "report" IS NOT NULL AND "failure_code" IS NULL
      WHEN 'failed' THEN ("report" IS NULL) = ("failure_code" IS NOT NULL)
      ELSE "report" IS NULL AND "failure_code" IS NULL
    END
  );

-- One open check of a kind for each endpoint; small, as are the indexes over what background work looks for.
CREATE UNIQUE INDEX "endpoint_check_open_key" ON "endpoint_check" ("endpoint_id", "kind")
  WHERE "state" IN ('queued', 'running');
CREATE INDEX "endpoint_check_queued_idx" ON "endpoint_check" ("id") WHERE "state" = 'queued';
