import { createHash } from 'node:crypto';
import { newId } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { type ChainedEvent, canonicalEvent, eventHash, genesisHash } from './chain.js';
import { verifyChain } from './verify-chain.js';

function makeLog(length: number): ChainedEvent[] {
  const log: ChainedEvent[] = [];
  for (let seq = 1; seq <= length; seq++) log.push(chained(log.at(-1)?.hash ?? genesisHash, seq));
  return log;
}

function chained(previousHash: string, seq: number): ChainedEvent {
  const event = {
    seq,
    id: newId(),
    at: new Date(Date.UTC(2026, 0, 1, 0, 0, seq)),
    type: 'partner.created',
    outcome: 'succeeded',
    actorKind: 'api-key',
    actorId: 'k1',
    actorName: 'ops',
    address: undefined,
    requestId: undefined,
    subjectKind: 'partner',
    subjectId: `p${seq}`,
    data: `{"name":"p${seq}","title":""}`,
  } as const;
  return { ...event, previousHash, hash: eventHash(previousHash, event) };
}

async function verify(log: readonly ChainedEvent[], head = headOf(log)) {
  return await verifyChain(stream(log), head);
}

function headOf(log: readonly ChainedEvent[]) {
  const last = log.at(-1);
  return { seq: last?.seq ?? 0, hash: last?.hash ?? genesisHash };
}

async function* stream(log: readonly ChainedEvent[]): AsyncIterable<ChainedEvent> {
  yield* log;
}

const at = <T>(list: readonly T[], index: number): T => list[index] as T;

describe('the chain', () => {
  it('is sound as written, also when empty', async () => {
    const log = makeLog(5);
    expect(await verify(log)).toEqual({ ok: true, count: 5, head: { seq: 5, hash: at(log, 4).hash } });
    expect(await verify([])).toEqual({ ok: true, count: 0, head: { seq: 0, hash: genesisHash } });
  });

  it('can be recomputed by an outsider from the documented bytes alone', () => {
    const [first] = makeLog(1);
    if (!first) throw new Error('no event');
    const text =
      `{"actorId":"k1","actorKind":"api-key","actorName":"ops","at":"2026-01-01T00:00:01.000Z",` +
      `"data":"{\\"name\\":\\"p1\\",\\"title\\":\\"\\"}","id":"${first.id}","outcome":"succeeded","seq":1,` +
      `"subjectId":"p1","subjectKind":"partner","type":"partner.created"}`;
    expect(canonicalEvent(first)).toBe(text);
    const bytes = `waybill audit event v1\n${'0'.repeat(64)}\n${text}`;
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(first.hash);
  });

  it.each([
    ['type', 'partner.updated'],
    ['outcome', 'denied'],
    ['at', new Date(0)],
    ['at', new Date(Number.NaN)],
    ['actorName', 'somebody else'],
    ['actorId', undefined],
    ['address', '192.0.2.1'],
    ['subjectId', 'p9'],
    ['data', '{"name":"p3","title":"x"}'],
    ['data', '{"title":"","name":"p3"}'],
    ['hash', 'f'.repeat(64)],
    ['previousHash', 'f'.repeat(64)],
  ])('names the event whose %s was altered', async (field, value) => {
    const log = makeLog(5);
    const forged = log.with(2, { ...at(log, 2), [field]: value } as ChainedEvent);
    const found = await verify(forged);
    expect(found).toMatchObject({
      ok: false,
      count: 2,
      problem: { kind: 'altered', seq: 3, id: at(log, 2).id },
    });
  });

  it('names the first missing event', async () => {
    const log = makeLog(6);
    expect(await verify(log.toSpliced(2, 2))).toMatchObject({ problem: { kind: 'missing', seq: 3 } });
    expect(await verify(log.slice(1))).toMatchObject({ problem: { kind: 'missing', seq: 1 } });
  });

  it('names an event put in place of another, even with a hash of its own that is right', async () => {
    const log = makeLog(5);
    const forged = { ...chained(at(log, 1).hash, 3), subjectId: 'forged' };
    const whole = { ...forged, hash: eventHash(forged.previousHash, forged) };
    expect(await verify(log.with(2, whole))).toMatchObject({
      problem: { kind: 'inserted', seq: 4, expected: whole.hash },
    });
  });

  it('names an event that stands twice or out of its place', async () => {
    const log = makeLog(4);
    expect(await verify(log.toSpliced(2, 0, at(log, 1)))).toMatchObject({
      problem: { kind: 'reordered', seq: 2 },
    });
  });

  it('tells a cut tail, an added tail and a rewritten log by the head', async () => {
    const log = makeLog(5);
    expect(await verify(log.slice(0, 3), headOf(log))).toMatchObject({
      problem: { kind: 'truncated', seq: 4 },
    });
    expect(await verify([], headOf(log))).toMatchObject({ problem: { kind: 'truncated', seq: 1 } });
    expect(await verify(log, headOf(log.slice(0, 4)))).toMatchObject({
      problem: { kind: 'inserted', seq: 5 },
    });
    expect(await verify(makeLog(5), headOf(log))).toMatchObject({
      problem: { kind: 'truncated', seq: 5 },
    });
  });
});
