-- The closed list of failures has a new one, unproven; checks of endpoints have the whole list as well.
ALTER TABLE "run" DROP CONSTRAINT "run_failure_code_known";
ALTER TABLE "run" ADD CONSTRAINT "run_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'unproven',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unexpected-files', 'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "attempt" DROP CONSTRAINT "attempt_failure_code_known";
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'unproven',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unexpected-files', 'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "delivery" DROP CONSTRAINT "delivery_failure_code_known";
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'unproven',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unexpected-files', 'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
ALTER TABLE "endpoint_check" DROP CONSTRAINT "endpoint_check_failure_code_known";
ALTER TABLE "endpoint_check" ADD CONSTRAINT "endpoint_check_failure_code_known"
  CHECK ("failure_code" IN (
    'not-found', 'already-exists', 'permission-denied', 'authentication-failed',
    'host-key-mismatch', 'host-key-unknown', 'no-space', 'source-changed', 'corrupted', 'unproven',
    'connection-refused', 'connection-lost', 'timed-out', 'protocol-error', 'path-refused',
    'unexpected-files', 'unsupported', 'outcome-unknown', 'attempt-lost', 'misconfigured', 'unknown'
  ));
