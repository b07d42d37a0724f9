-- DropIndex
DROP INDEX "run_occurrence_id_key";

-- AlterTable
ALTER TABLE "run" ADD COLUMN     "due_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "schedule" ADD COLUMN     "calendar_id" UUID,
ADD COLUMN     "calendar_rule" TEXT,
ADD COLUMN     "catch_up_within_minutes" INTEGER,
ADD COLUMN     "jitter_seconds" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "overlap" TEXT NOT NULL DEFAULT 'queue',
ADD COLUMN     "paused_until" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "calendar" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "weekend" INTEGER[],
    "holidays" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "calendar_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "calendar_name_key" ON "calendar"("name");

-- CreateIndex
CREATE INDEX "run_occurrence_id_idx" ON "run"("occurrence_id");

-- CreateIndex
CREATE INDEX "schedule_calendar_id_idx" ON "schedule"("calendar_id");

-- AddForeignKey
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_calendar_id_fkey" FOREIGN KEY ("calendar_id") REFERENCES "calendar"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Runs of before have the due time of their occurrence.
UPDATE "run" SET "due_at" = o."due_at" FROM "occurrence" o WHERE o."id" = "run"."occurrence_id";

-- An occurrence fires once; people may have it run again.
CREATE UNIQUE INDEX "run_fired_once" ON "run" ("occurrence_id") WHERE "trigger" = 'schedule';

ALTER TABLE "schedule"
  ADD CONSTRAINT "schedule_calendar_rule_known"
    CHECK ("calendar_rule" IN ('only-business-days', 'only-holidays', 'next-business-day', 'previous-business-day')),
  ADD CONSTRAINT "schedule_overlap_known" CHECK ("overlap" IN ('queue', 'skip')),
  ADD CONSTRAINT "schedule_calendar_has_rule" CHECK (("calendar_id" IS NULL) = ("calendar_rule" IS NULL)),
  ADD CONSTRAINT "schedule_jitter_not_negative" CHECK ("jitter_seconds" >= 0),
  ADD CONSTRAINT "schedule_catch_up_limit_positive" CHECK ("catch_up_within_minutes" > 0);

ALTER TABLE "calendar"
  ADD CONSTRAINT "calendar_has_business_days"
    CHECK ("weekend" <@ ARRAY[1, 2, 3, 4, 5, 6, 7] AND cardinality("weekend") < 7);
