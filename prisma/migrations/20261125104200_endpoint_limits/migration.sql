-- AlterTable
ALTER TABLE "endpoint" ADD COLUMN     "limits" JSONB NOT NULL DEFAULT '{}';

-- AlterTable
ALTER TABLE "run" ADD COLUMN     "waiting_endpoint_id" UUID,
ADD COLUMN     "waiting_message" TEXT,
ADD COLUMN     "waiting_reason" TEXT,
ADD COLUMN     "waiting_since" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "endpoint_breaker" (
    "endpoint_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "openings" INTEGER NOT NULL DEFAULT 0,
    "open_until" TIMESTAMPTZ(3),
    "failure" JSONB,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "endpoint_breaker_pkey" PRIMARY KEY ("endpoint_id")
);

-- CreateIndex
CREATE INDEX "run_waiting_endpoint_id_id_idx" ON "run"("waiting_endpoint_id", "id");

-- AddForeignKey
ALTER TABLE "endpoint_breaker" ADD CONSTRAINT "endpoint_breaker_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_waiting_endpoint_id_fkey" FOREIGN KEY ("waiting_endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "endpoint_breaker"
  ADD CONSTRAINT "endpoint_breaker_state_known" CHECK ("state" IN ('closed', 'untried', 'open')),
  ADD CONSTRAINT "endpoint_breaker_counts_not_negative" CHECK ("failures" >= 0 AND "openings" >= 0),
  ADD CONSTRAINT "endpoint_breaker_until_is_of_open" CHECK ("open_until" IS NULL OR "state" = 'open');

ALTER TABLE "run"
  ADD CONSTRAINT "run_waiting_reason_known" CHECK ("waiting_reason" IN (
    'transfer-busy', 'maintenance', 'suspended', 'max-runs', 'max-connections', 'fair-share'
  )),
  ADD CONSTRAINT "run_waiting_is_queued" CHECK ("waiting_reason" IS NULL OR "state" = 'queued'),
  ADD CONSTRAINT "run_waiting_is_explained" CHECK (
    ("waiting_reason" IS NULL) = ("waiting_since" IS NULL)
    AND ("waiting_reason" IS NULL) = ("waiting_message" IS NULL)
    AND ("waiting_reason" IS NOT NULL OR "waiting_endpoint_id" IS NULL)
  );
