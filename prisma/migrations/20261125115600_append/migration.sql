-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "joined_bytes" BIGINT,
ADD COLUMN     "joined_sha256" TEXT;
