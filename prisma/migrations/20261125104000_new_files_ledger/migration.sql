-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "steady" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "delivered_file" (
    "transfer_id" UUID NOT NULL,
    "source_endpoint_id" UUID NOT NULL,
    "path" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "modified_at" TIMESTAMPTZ(3) NOT NULL,
    "steady" BOOLEAN NOT NULL,
    "sha256" TEXT NOT NULL,
    "run_id" UUID NOT NULL,
    "delivered_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "delivered_file_pkey" PRIMARY KEY ("transfer_id","source_endpoint_id","path")
);

-- CreateIndex
CREATE INDEX "delivered_file_source_endpoint_id_idx" ON "delivered_file"("source_endpoint_id");

-- AddForeignKey
ALTER TABLE "delivered_file" ADD CONSTRAINT "delivered_file_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "delivered_file" ADD CONSTRAINT "delivered_file_source_endpoint_id_fkey" FOREIGN KEY ("source_endpoint_id") REFERENCES "endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What the content of a file is compared with.
ALTER TABLE "delivered_file"
  ADD CONSTRAINT "delivered_file_sha256_is_hex" CHECK ("sha256" ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT "delivered_file_size_not_negative" CHECK ("size" >= 0);
