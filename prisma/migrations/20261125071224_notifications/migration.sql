-- CreateTable
CREATE TABLE "subscription" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "events" TEXT[],
    "partner_id" UUID,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "envelope" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "subscription_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification" (
    "id" UUID NOT NULL,
    "subscription_id" UUID NOT NULL,
    "events" BIGINT[],
    "state" TEXT NOT NULL DEFAULT 'pending',
    "failures" INTEGER NOT NULL DEFAULT 0,
    "not_before" TIMESTAMPTZ(3) NOT NULL,
    "lease_until" TIMESTAMPTZ(3),
    "last_status" INTEGER,
    "last_error" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "delivered_at" TIMESTAMPTZ(3),

    CONSTRAINT "notification_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification_head" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "seq" BIGINT NOT NULL,

    CONSTRAINT "notification_head_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "subscription_name_key" ON "subscription"("name");

-- CreateIndex
CREATE INDEX "subscription_partner_id_idx" ON "subscription"("partner_id");

-- CreateIndex
CREATE INDEX "notification_subscription_id_id_idx" ON "notification"("subscription_id", "id" DESC);

-- AddForeignKey
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_partner_id_fkey" FOREIGN KEY ("partner_id") REFERENCES "partner"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification" ADD CONSTRAINT "notification_subscription_id_fkey" FOREIGN KEY ("subscription_id") REFERENCES "subscription"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "subscription"
  ADD CONSTRAINT "subscription_kind_known" CHECK ("kind" IN ('webhook', 'mail')),
  ADD CONSTRAINT "subscription_webhook_is_signed" CHECK (("kind" = 'webhook') = ("envelope" IS NOT NULL)),
  ADD CONSTRAINT "subscription_names_events" CHECK (cardinality("events") > 0);
ALTER TABLE "notification"
  ADD CONSTRAINT "notification_state_known" CHECK ("state" IN ('pending', 'delivered', 'dead')),
  ADD CONSTRAINT "notification_delivered_is_dated" CHECK (("state" = 'delivered') = ("delivered_at" IS NOT NULL)),
  ADD CONSTRAINT "notification_failures_not_negative" CHECK ("failures" >= 0);
CREATE INDEX "notification_due" ON "notification" ("not_before") WHERE "state" = 'pending';

ALTER TABLE "notification_head" ADD CONSTRAINT "notification_head_only_one" CHECK ("id" = 1);
-- What happened before anybody could subscribe is told to nobody.
INSERT INTO "notification_head" ("id", "seq") SELECT 1, "seq" FROM "audit_head";
