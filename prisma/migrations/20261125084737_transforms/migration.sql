-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "source_sha256" TEXT,
ADD COLUMN     "stages" JSONB,
ADD COLUMN     "target_size" BIGINT;

-- CreateTable
CREATE TABLE "openpgp_key" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "user_ids" TEXT[],
    "public_key" TEXT NOT NULL,
    "can_encrypt" BOOLEAN NOT NULL,
    "can_sign" BOOLEAN NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "envelope" BYTEA,
    "key_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "openpgp_key_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "openpgp_key_name_key" ON "openpgp_key"("name");

-- What transforms made of a file is known whole or not at all.
ALTER TABLE "delivery"
  ADD CONSTRAINT "delivery_source_sha256_is_hex" CHECK ("source_sha256" ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT "delivery_target_size_not_negative" CHECK ("target_size" >= 0),
  ADD CONSTRAINT "delivery_transformed_is_whole" CHECK (num_nulls("source_sha256", "target_size", "stages") IN (0, 3));

-- A sealed private part names the master key that opens it.
ALTER TABLE "openpgp_key"
  ADD CONSTRAINT "openpgp_key_fingerprint_is_hex" CHECK ("fingerprint" ~ '^[0-9A-F]{40,64}$'),
  ADD CONSTRAINT "openpgp_key_envelope_has_key" CHECK (num_nulls("envelope", "key_id") IN (0, 2));
