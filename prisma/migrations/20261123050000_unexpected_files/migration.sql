-- The closed list of failure codes has one more: unexpected-files.
ALTER TABLE "run" DROP CONSTRAINT "run_failure_code_known";
ALTER TABLE "run" ADD CONSTRAINT "run_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed', 'host-key-mismatch',
    'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'connection-refused',
    'connection-lost', 'timed-out', 'protocol-error', 'path-refused', 'unexpected-files',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "attempt" DROP CONSTRAINT "attempt_failure_code_known";
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed', 'host-key-mismatch',
    'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'connection-refused',
    'connection-lost', 'timed-out', 'protocol-error', 'path-refused', 'unexpected-files',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "delivery" DROP CONSTRAINT "delivery_failure_code_known";
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed', 'host-key-mismatch',
    'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'connection-refused',
    'connection-lost', 'timed-out', 'protocol-error', 'path-refused', 'unexpected-files',
    'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
