-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "committing_path" TEXT;
