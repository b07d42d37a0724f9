import { findRun, listAuditEvents, selectDeliveries } from '@waybill/db';
import { type AttemptOutcome, type FailureCode, newId } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from './cancel-run.js';
import { createTransfer } from './define-transfer.js';
import { finishAttempt } from './finish-attempt.js';
import { addHostKey, changeHostKeyState } from './host-keys.js';
import {
  eventsOf,
  makeDefinition,
  makeTransfer,
  openTestContext,
  startedRun,
  type TestContext,
} from './testing/exchange.js';
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

/** A run between two SFTP endpoints that a worker has just begun. */
async function startedRelay() {
  const name = `relay-${newId()}`;
  const [definition, other] = [
    await makeDefinition(context, name),
    await makeDefinition(context, `${name}-other`),
  ];
  const target = { ...definition.target, endpointId: other.source.endpointId };
  const transfer = await createTransfer(context, { name, definition: { ...definition, target } });
  const { run } = await triggerRun(context, { transferId: transfer.id });
  return { transfer, fence: await startedRun(context, { run }) };
}

function holdFor(endpointId: string, fingerprint: string): AttemptOutcome {
  const refusedHostKey = { endpointId, fingerprint };
  return {
    kind: 'hold',
    failure: { code: 'host-key-mismatch', message: 'offered another key', refusedHostKey },
  };
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

describe('a relay', () => {
  it('that is held for the host key of one endpoint stays so when a key of the other is pinned', async () => {
    const { transfer, fence } = await startedRelay();
    const { source, target } = transfer.definition;
    await finishAttempt(context, fence, holdFor(source.endpointId, 'SHA256:offered'));
    await addHostKey(context, target.endpointId, ED25519);
    expect(await stateOf(fence.runId)).toBe('held');
    await addHostKey(context, source.endpointId, ED25519);
    expect(await stateOf(fence.runId)).toBe('queued');
  });
});

describe('a host key that is pinned while the attempt that met it ends', () => {
  it('lets the run go on, with the refusal and the reason in the audit log', async () => {
    const { transfer, fence } = await startedRelay();
    const { endpointId } = transfer.definition.target;
    const { fingerprint } = await addHostKey(context, endpointId, ED25519);
    await finishAttempt(context, fence, holdFor(endpointId, fingerprint));
    expect(await findRun(context.database, fence.runId)).toMatchObject({
      state: 'queued',
      epoch: fence.epoch + 1,
    });
    expect((await eventsOf(context.database, fence.runId)).slice(-2)).toEqual(['run.held', 'run.requeued']);
  });

  it('lets it go on whichever of the two is first', async () => {
    for (let round = 0; round < 4; round++) {
      const { transfer, fence } = await startedRelay();
      const { endpointId } = transfer.definition.source;
      const { fingerprint } = parseHostKey(ED25519);
      await Promise.all([
        finishAttempt(context, fence, holdFor(endpointId, fingerprint)),
        addHostKey(context, endpointId, ED25519),
      ]);
      expect(await stateOf(fence.runId)).toBe('queued');
    }
  });

  it('does not let it go on if that key is not trusted, or the run is to be cancelled', async () => {
    const { transfer, fence } = await startedRelay();
    const { endpointId } = transfer.definition.source;
    const { fingerprint } = await addHostKey(context, endpointId, ED25519, 'proposed');
    await finishAttempt(context, fence, holdFor(endpointId, fingerprint));
    expect(await stateOf(fence.runId)).toBe('held');

    const cancelled = await startedRelay();
    const other = cancelled.transfer.definition.source.endpointId;
    await addHostKey(context, other, ED25519);
    await cancelRun(context, cancelled.fence.runId);
    await finishAttempt(context, cancelled.fence, holdFor(other, fingerprint));
    expect(await stateOf(cancelled.fence.runId)).toBe('held');
  });
});

it('a run held for another reason stays held when a host key is pinned', async () => {
  const { runId, endpointId } = await heldRun('outcome-unknown');
  await addHostKey(context, endpointId, ED25519);
  expect(await stateOf(runId)).toBe('held');
});
