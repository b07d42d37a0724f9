-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "part_claimed" BOOLEAN NOT NULL DEFAULT false;
