-- DropIndex
DROP INDEX "credential_endpoint_id_key";

-- AlterTable
ALTER TABLE "credential" ADD COLUMN     "purpose" TEXT NOT NULL DEFAULT 'account';

-- AlterTable
ALTER TABLE "endpoint" ADD COLUMN     "jump_endpoint_id" UUID;

-- CreateIndex
CREATE UNIQUE INDEX "credential_endpoint_id_purpose_key" ON "credential"("endpoint_id", "purpose");

-- CreateIndex
CREATE INDEX "endpoint_jump_endpoint_id_idx" ON "endpoint"("jump_endpoint_id");

-- AddForeignKey
ALTER TABLE "endpoint" ADD CONSTRAINT "endpoint_jump_endpoint_id_fkey" FOREIGN KEY ("jump_endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "credential" ADD CONSTRAINT "credential_purpose_known"
  CHECK ("purpose" IN ('account', 'proxy'));
