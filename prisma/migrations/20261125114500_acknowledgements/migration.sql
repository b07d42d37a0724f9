-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "acknowledged_at" TIMESTAMPTZ(3),
ADD COLUMN     "answers_seen" JSONB,
ADD COLUMN     "awaited_since" TIMESTAMPTZ(3);

-- What was waited for, or was acknowledged, had arrived.
ALTER TABLE "delivery"
  ADD CONSTRAINT "delivery_awaited_is_delivered" CHECK ("awaited_since" IS NULL OR "delivered_at" IS NOT NULL),
  ADD CONSTRAINT "delivery_acknowledged_is_awaited" CHECK ("acknowledged_at" IS NULL OR "awaited_since" IS NOT NULL);

CREATE INDEX "delivery_awaited_idx" ON "delivery" ("run_id")
  WHERE "awaited_since" IS NOT NULL AND "acknowledged_at" IS NULL;

-- The closed list of failure codes (packages/domain), the same wherever one stands; a test compares the two.
DO $$
DECLARE holder text;
BEGIN
  FOREACH holder IN ARRAY ARRAY['run', 'attempt', 'delivery', 'endpoint_check'] LOOP
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', holder, holder || '_failure_code_known');
    EXECUTE format(
      'ALTER TABLE %I ADD CONSTRAINT %I CHECK (failure_code IN (
        ''not-found'', ''already-exists'', ''permission-denied'', ''authentication-failed'',
        ''host-key-mismatch'', ''host-key-unknown'', ''no-space'', ''source-changed'', ''corrupted'',
        ''unproven'', ''connection-refused'', ''route-unreachable'', ''route-refused'', ''connection-lost'',
        ''timed-out'', ''protocol-error'', ''path-refused'', ''unexpected-files'', ''set-incomplete'',
        ''duplicate-content'', ''checksum-mismatch'',
        ''transform-failed'', ''unsupported'',
        ''outcome-unknown'', ''not-acknowledged'', ''attempt-lost'', ''misconfigured'', ''unknown''
      ))',
      holder, holder || '_failure_code_known'
    );
  END LOOP;
END $$;
