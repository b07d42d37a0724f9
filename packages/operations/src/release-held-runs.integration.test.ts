import { findRun, listAuditEvents, selectDeliveries } from '@waybill/db';
import type { FailureCode } from '@waybill/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishAttempt } from './finish-attempt.js';
import { addHostKey, changeHostKeyState } from './host-keys.js';
import { eventsOf, makeTransfer, openTestContext, startedRun, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** A run of a transfer of its own, held for that reason. */
async function heldRun(code: FailureCode, prepare = async (_: Awaited<ReturnType<typeof startedRun>>) => {}) {
  const transfer = await makeTransfer(context);
  const { run } = await triggerRun(context, { transferId: transfer.id });
  const fence = await startedRun(context, { run });
  await prepare(fence);
  await finishAttempt(context, fence, { kind: 'hold', failure: { code, message: 'offered another key' } });
  return { runId: run.id, endpointId: transfer.definition.source.endpointId };
}

async function stateOf(runId: string) {
  return (await findRun(context.database, runId))?.state;
}

describe('a run that is held for a host key', () => {
  it.each(['host-key-unknown', 'host-key-mismatch'] as const)(
    'goes on once a key is pinned for the endpoint (%s), with the reason in the audit log',
    async (code) => {
      const { runId, endpointId } = await heldRun(code);
      const { epoch } = (await findRun(context.database, runId)) ?? expect.unreachable();
      const { fingerprint } = await addHostKey(context, endpointId, ED25519);
      expect(await findRun(context.database, runId)).toMatchObject({
        state: 'queued',
        epoch: epoch + 1,
        enqueuedAt: undefined,
        failure: undefined,
      });
      const [event] = (await listAuditEvents(context.database, { limit: 1 }, { subjectId: runId })).items;
      expect(event?.type).toBe('run.requeued');
      expect(event?.data).toContain('"cause":"host-key-trusted"');
      expect(event?.data).toContain(fingerprint);
      expect(await eventsOf(context.database, endpointId)).toContain('host-key.added');
    },
  );

  it('goes on when a key on record becomes trusted, not when one is proposed or revoked', async () => {
    const { runId, endpointId } = await heldRun('host-key-mismatch');
    const { id } = await addHostKey(context, endpointId, ED25519, 'proposed');
    await changeHostKeyState(context, id, 'revoked');
    expect(await stateOf(runId)).toBe('held');
    await changeHostKeyState(context, id, 'active');
    expect(await stateOf(runId)).toBe('queued');
  });

  it('stays where it is while the key is for another endpoint', async () => {
    const { runId } = await heldRun('host-key-mismatch');
    const other = await heldRun('host-key-mismatch');
    await addHostKey(context, other.endpointId, ED25519);
    expect(await stateOf(runId)).toBe('held');
  });

  it('stays held if it cannot be told whether one of its files arrived', async () => {
    const { runId, endpointId } = await heldRun('host-key-mismatch', async (fence) => {
      const file = { sourcePath: 'a', targetPath: 'a', size: 10, sourceModifiedAt: new Date(1_000_000) };
      await selectDeliveries(context.database, fence, [file]);
      await context.database.prisma.$executeRaw`
        update delivery set state = 'unknown', failure_code = 'outcome-unknown', failure_message = 'lost reply'
        where run_id = ${fence.runId}::uuid`;
    });
    await addHostKey(context, endpointId, ED25519);
    expect(await stateOf(runId)).toBe('held');
  });
});

it('a run held for another reason stays held when a host key is pinned', async () => {
  const { runId, endpointId } = await heldRun('outcome-unknown');
  await addHostKey(context, endpointId, ED25519);
  expect(await stateOf(runId)).toBe('held');
});
