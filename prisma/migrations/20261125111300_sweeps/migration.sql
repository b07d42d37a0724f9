-- CreateTable
CREATE TABLE "sweep" (
    "endpoint_id" UUID NOT NULL,
    "directory" TEXT NOT NULL,
    "sightings" JSONB NOT NULL,
    "began_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sweep_pkey" PRIMARY KEY ("endpoint_id","directory")
);

-- AddForeignKey
ALTER TABLE "sweep" ADD CONSTRAINT "sweep_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "endpoint"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Part files that are known to be ours by the record alone: few, and looked for by their path.
CREATE INDEX "delivery_part_claimed" ON "delivery" ("part_path") WHERE "part_claimed";
