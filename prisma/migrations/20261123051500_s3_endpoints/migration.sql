-- Written by hand: a third kind of endpoint, and the credential that it takes.
ALTER TABLE "endpoint" DROP CONSTRAINT "endpoint_kind_known";
ALTER TABLE "endpoint" ADD CONSTRAINT "endpoint_kind_known"
  CHECK ("kind" IN ('sftp', 'local', 's3'));
ALTER TABLE "credential" DROP CONSTRAINT "credential_kind_known";
ALTER TABLE "credential" ADD CONSTRAINT "credential_kind_known"
  CHECK ("kind" IN ('password', 'private-key', 'keyboard-interactive', 'access-key'));
