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
        ''checksum-mismatch'',
        ''transform-failed'', ''unsupported'',
        ''outcome-unknown'', ''attempt-lost'', ''misconfigured'', ''unknown''
      ))',
      holder, holder || '_failure_code_known'
    );
  END LOOP;
END $$;
