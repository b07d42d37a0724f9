-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "duplicate_allowed" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "reserved_sha256" TEXT;

-- From here on written by hand: what the schema language has no words for.

ALTER TABLE "delivery"
  ADD CONSTRAINT "delivery_reserved_sha256_is_hex" CHECK ("reserved_sha256" ~ '^[0-9a-f]{64}$');

-- Who was sent these bytes before, and who is about to be.
CREATE INDEX "delivery_content_idx" ON "delivery" (COALESCE("source_sha256", "sha256"), "delivered_at")
  WHERE "delivered_at" IS NOT NULL;
CREATE INDEX "delivery_reserved_idx" ON "delivery" ("reserved_sha256")
  WHERE "reserved_sha256" IS NOT NULL AND "delivered_at" IS NULL;

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
        ''duplicate-content'', ''checksum-mismatch'', ''transform-failed'', ''unsupported'',
        ''outcome-unknown'', ''attempt-lost'', ''misconfigured'', ''unknown''
      ))',
      holder, holder || '_failure_code_known'
    );
  END LOOP;
END $$;
