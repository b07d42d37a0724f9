import {
  actorKinds,
  assurances,
  attemptStates,
  breakerStates,
  calendarRules,
  catchUpRules,
  channelKinds,
  credentialKinds,
  credentialPurposes,
  deliveryStates,
  endpointCheckKinds,
  endpointCheckStates,
  endpointKinds,
  failureCodes,
  hostKeyStates,
  notificationStates,
  overlapRules,
  owners,
  runStates,
  runTriggers,
  scopes,
  transferKinds,
  waitReasons,
} from '@waybill/domain';
import { createTestDatabase, type TestDatabase } from '@waybill/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from './client.js';
import { isCheckViolation, isForeignKeyViolation } from './errors.js';
import { type Transaction, transaction } from './transaction.js';

let home: TestDatabase;
let database: Database;
beforeAll(async () => {
  home = await createTestDatabase();
  database = openDatabase({ url: home.url });
});
afterAll(async () => {
  await database.close();
  await home.drop();
});

const lists: Record<string, readonly string[]> = {
  endpoint_kind_known: endpointKinds,
  endpoint_check_kind_known: endpointCheckKinds,
  endpoint_check_state_known: endpointCheckStates,
  endpoint_check_failure_code_known: failureCodes,
  endpoint_check_failure_owner_known: owners,
  endpoint_breaker_state_known: breakerStates,
  host_key_state_known: hostKeyStates,
  credential_kind_known: credentialKinds,
  credential_purpose_known: credentialPurposes,
  transfer_kind_known: transferKinds,
  schedule_calendar_rule_known: calendarRules,
  schedule_catch_up_known: catchUpRules,
  schedule_overlap_known: overlapRules,
  occurrence_state_known: ['fired', 'skipped'],
  run_state_known: runStates,
  run_trigger_known: runTriggers,
  run_waiting_reason_known: waitReasons,
  run_failure_code_known: failureCodes,
  run_failure_owner_known: owners,
  attempt_state_known: attemptStates,
  attempt_failure_code_known: failureCodes,
  attempt_failure_owner_known: owners,
  delivery_state_known: deliveryStates,
  delivery_assurance_known: assurances,
  delivery_failure_code_known: failureCodes,
  delivery_failure_owner_known: owners,
  audit_event_outcome_known: ['succeeded', 'denied'],
  audit_event_actor_kind_known: actorKinds,
  api_key_scopes_known: scopes,
  subscription_kind_known: channelKinds,
  notification_state_known: notificationStates,
};

describe('closed lists', () => {
  it('are the same in the database and in packages/domain', async () => {
    const rows = await database.prisma.$queryRaw<{ name: string; definition: string }[]>`
      select conname as name, pg_get_constraintdef(oid) as definition
        from pg_constraint where contype = 'c' and conname like '%\_known'`;
    const found = rows.map(({ name, definition }) => [
      name,
      Array.from(definition.matchAll(/'([^']+)'::text/g), (match) => match[1]),
    ]);
    expect(Object.fromEntries(found)).toEqual(lists);
  });
});

describe('a transfer and its versions', () => {
  it('refuses a transfer whose current version is missing when the transaction ends', async () => {
    const work = transaction(database, (tx) => insertTransfer(tx, 'without version'));
    expect(isForeignKeyViolation(await work.catch((error) => error), 'transfer_current_version_exists')).toBe(
      true,
    );
  });

  it('lets the two be written in either order, and the version never be changed or removed', async () => {
    const versionId = await transaction(database, async (tx) => {
      const transferId = await insertTransfer(tx, 'with version');
      return await insertVersion(tx, transferId);
    });
    const change = database.prisma.transferVersion.update({ where: { id: versionId }, data: { number: 2 } });
    await expect(change).rejects.toThrow('rows are immutable');
    const removal = database.prisma.transferVersion.delete({ where: { id: versionId } });
    await expect(removal).rejects.toThrow('rows are immutable');
    expect(await database.prisma.transferVersion.count()).toBe(1);
  });
});

describe('a run', () => {
  it.each([
    ['run_running_is_leased', `state = 'running'`],
    ['run_running_is_leased', `state = 'running', lease_owner = gen_random_uuid()`],
    ['run_final_is_finished', `state = 'succeeded'`],
    ['run_epoch_positive', 'epoch = 0'],
    ['run_counts_not_negative', 'bytes_moved = -1'],
    ['run_state_known', `state = 'stuck'`],
    ['run_waiting_is_explained', `waiting_reason = 'max-runs'`],
    [
      'run_waiting_is_queued',
      `state = 'failed', waiting_reason = 'max-runs', waiting_message = '', waiting_since = now(), finished_at = now()`,
    ],
    ['run_failure_code_known', `failure_code = 'bad-luck'`],
  ])('is refused by %s with %s', async (constraint, assignment) => {
    const id = await insertRun();
    const change = database.prisma.$executeRawUnsafe(`update run set ${assignment} where id = '${id}'`);
    expect(isCheckViolation(await change.catch((error) => error), constraint)).toBe(true);
  });

  it.each([
    ['delivery_delivered_is_proven', `state = 'delivered'`],
    ['delivery_delivered_is_proven', `state = 'delivered', delivered_at = now()`],
    ['delivery_sha256_is_hex', `sha256 = 'ABC'`],
    ['delivery_checksum_is_hex', `checksum = 'ABC'`],
    ['delivery_reserved_sha256_is_hex', `reserved_sha256 = 'ABC'`],
    ['delivery_awaited_is_delivered', 'awaited_since = now()'],
    ['delivery_acknowledged_is_awaited', 'acknowledged_at = now()'],
    ['delivery_checkpoint_is_hashed', 'checkpoint_bytes = 1'],
    ['delivery_sizes_not_negative', 'size = -1'],
    ['delivery_assurance_known', `assurance = 'hoped'`],
    ['delivery_source_sha256_is_hex', `source_sha256 = 'ABC', target_size = 1, stages = '[]'`],
    ['delivery_transformed_is_whole', `stages = '[]'`],
    ['delivery_transformed_is_whole', 'target_size = 1'],
    ['delivery_target_size_not_negative', `source_sha256 = repeat('0', 64), target_size = -1, stages = '[]'`],
  ])('has its delivery refused by %s with %s', async (constraint, assignment) => {
    const delivery = {
      id: crypto.randomUUID(),
      sourcePath: 'a',
      targetPath: 'a',
      size: 1n,
      state: 'selected',
    };
    await database.prisma.delivery.create({ data: { ...delivery, runId: await insertRun() } });
    const change = database.prisma.$executeRawUnsafe(
      `update delivery set ${assignment} where id = '${delivery.id}'`,
    );
    expect(isCheckViolation(await change.catch((error) => error), constraint)).toBe(true);
  });
});

describe('a check of an endpoint', () => {
  it.each([
    ['endpoint_check_running_has_worker', `state = 'running'`],
    ['endpoint_check_final_is_finished', `state = 'succeeded', report = '{}'`],
    ['endpoint_check_final_is_explained', `state = 'succeeded', finished_at = now()`],
    ['endpoint_check_final_is_explained', `state = 'failed', finished_at = now()`],
    [
      'endpoint_check_final_is_explained',
      `state = 'failed', finished_at = now(), report = '{}', failure_code = 'unknown'`,
    ],
    ['endpoint_check_final_is_explained', `report = '{}'`],
    ['endpoint_check_kind_known', `kind = 'guess'`],
    ['endpoint_check_kind_has_subject', `kind = 'dry-run'`],
    ['endpoint_check_kind_has_subject', `path = 'a'`],
    ['endpoint_check_state_known', `state = 'stuck'`],
  ])('is refused by %s with %s', async (constraint, assignment) => {
    const id = await insertCheck();
    const change = database.prisma.$executeRawUnsafe(
      `update endpoint_check set ${assignment} where id = '${id}'`,
    );
    expect(isCheckViolation(await change.catch((error) => error), constraint)).toBe(true);
  });
});

describe('an OpenPGP key', () => {
  it.each([
    ['openpgp_key_fingerprint_is_hex', `fingerprint = 'abc'`],
    ['openpgp_key_envelope_has_key', `envelope = ''`],
  ])('is refused by %s with %s', async (constraint, assignment) => {
    const id = crypto.randomUUID();
    const key = { id, name: id, fingerprint: 'A'.repeat(40), publicKey: '', canEncrypt: true, canSign: true };
    await database.prisma.openPgpKey.create({ data: key });
    const change = database.prisma.$executeRawUnsafe(
      `update openpgp_key set ${assignment} where id = '${id}'`,
    );
    expect(isCheckViolation(await change.catch((error) => error), constraint)).toBe(true);
  });
});

describe('what a transfer has delivered', () => {
  it.each([
    ['delivered_file_sha256_is_hex', `'ABC'`, 1],
    ['delivered_file_size_not_negative', `repeat('0', 64)`, -1],
  ])('is refused by %s with %s and %d bytes', async (constraint, sha256, size) => {
    const insertion = database.prisma.$executeRawUnsafe(`
      insert into delivered_file
      select r.transfer_id, v.source_endpoint_id, 'a', ${size}, now(), true, ${sha256}, r.id, now()
      from run r join transfer_version v on v.id = r.transfer_version_id where r.id = '${await insertRun()}'`);
    expect(isCheckViolation(await insertion.catch((error) => error), constraint)).toBe(true);
  });
});

describe('the audit chain', () => {
  it('has one head, before the first event', async () => {
    expect(await database.prisma.auditHead.findMany()).toEqual([{ id: 1, seq: 0n, hash: '0'.repeat(64) }]);
    const second = database.prisma.auditHead.create({ data: { id: 2, seq: 0n, hash: '0'.repeat(64) } });
    expect(isCheckViolation(await second.catch((error) => error), 'audit_head_only_one')).toBe(true);
  });
});

async function insertTransfer(tx: Transaction, name: string): Promise<string> {
  const id = crypto.randomUUID();
  await tx.transfer.create({ data: { id, name, kind: 'push', currentVersion: 1 } });
  return id;
}

async function insertVersion(tx: Transaction, transferId: string): Promise<string> {
  const endpointId = crypto.randomUUID();
  await tx.endpoint.create({ data: { id: endpointId, name: endpointId, kind: 'local', settings: {} } });
  const id = crypto.randomUUID();
  const endpoints = { sourceEndpointId: endpointId, targetEndpointId: endpointId };
  await tx.transferVersion.create({ data: { id, transferId, number: 1, definition: {}, ...endpoints } });
  return id;
}

async function insertRun(): Promise<string> {
  return await transaction(database, async (tx) => {
    const id = crypto.randomUUID();
    const transferId = await insertTransfer(tx, id);
    const transferVersionId = await insertVersion(tx, transferId);
    const data = { id, transferId, transferVersionId, state: 'queued', trigger: 'request', pool: 'default' };
    await tx.run.create({ data });
    return id;
  });
}

async function insertCheck(): Promise<string> {
  const endpointId = crypto.randomUUID();
  const endpoint = { id: endpointId, name: endpointId, kind: 'local', settings: {} };
  await database.prisma.endpoint.create({ data: endpoint });
  const id = crypto.randomUUID();
  const data = { id, endpointId, kind: 'probe', state: 'queued', pool: 'default', requestedBy: 'test' };
  await database.prisma.endpointCheck.create({ data });
  return id;
}
