-- AlterTable
ALTER TABLE "endpoint_check" ADD COLUMN     "path" TEXT,
ADD COLUMN     "transfer_id" UUID;

-- CreateIndex
CREATE INDEX "endpoint_check_transfer_id_idx" ON "endpoint_check"("transfer_id");

-- AddForeignKey
ALTER TABLE "endpoint_check" ADD CONSTRAINT "endpoint_check_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on written by hand: what the schema language has no words for.

ALTER TABLE "endpoint_check"
  DROP CONSTRAINT "endpoint_check_kind_known",
  ADD CONSTRAINT "endpoint_check_kind_known"
    CHECK ("kind" IN ('probe', 'host-key-scan', 'dry-run', 'explanation')),
  ADD CONSTRAINT "endpoint_check_kind_has_subject" CHECK (
    CASE "kind"
      WHEN 'dry-run' THEN "transfer_id" IS NOT NULL AND "path" IS NULL
      WHEN 'explanation' THEN "path" IS NOT NULL
      ELSE "transfer_id" IS NULL AND "path" IS NULL
    END
  );

-- Paths may be longer than an index takes.
DROP INDEX "endpoint_check_open_key";
CREATE UNIQUE INDEX "endpoint_check_open_key" ON "endpoint_check" ("endpoint_id", "kind", "transfer_id", md5("path"))
  NULLS NOT DISTINCT WHERE "state" IN ('queued', 'running');
