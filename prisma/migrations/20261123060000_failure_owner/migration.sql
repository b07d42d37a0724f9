-- AlterTable
ALTER TABLE "attempt" ADD COLUMN     "failure_owner" TEXT;

-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "failure_owner" TEXT;

-- AlterTable
ALTER TABLE "endpoint_check" ADD COLUMN     "failure_owner" TEXT;

-- AlterTable
ALTER TABLE "run" ADD COLUMN     "failure_endpoint_id" UUID,
ADD COLUMN     "failure_owner" TEXT;

-- Closed lists of packages/domain; a test compares the two.
ALTER TABLE "run" ADD CONSTRAINT "run_failure_owner_known"
  CHECK ("failure_owner" IN ('us', 'partner', 'network'));
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_failure_owner_known"
  CHECK ("failure_owner" IN ('us', 'partner', 'network'));
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_failure_owner_known"
  CHECK ("failure_owner" IN ('us', 'partner', 'network'));
ALTER TABLE "endpoint_check" ADD CONSTRAINT "endpoint_check_failure_owner_known"
  CHECK ("failure_owner" IN ('us', 'partner', 'network'));
