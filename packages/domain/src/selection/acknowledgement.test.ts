import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcknowledgementRule, answerDueAt, nextLookAt } from '../acknowledgement.js';
import { parsePath } from '../remote-path.js';
import { answerFinder, answerPaths, whyAcknowledgementRefused } from './acknowledgement.js';

const rule = { name: '{name}.ack', timeoutMs: 3_600_000 } satisfies AcknowledgementRule;
const [inbox, outbox, answers] = [parsePath('in'), parsePath('out'), parsePath('acks')];

interface Sides {
  readonly change?: Partial<AcknowledgementRule>;
  readonly sameEndpoint?: boolean;
  readonly ours?: string;
  readonly doneFile?: string;
}

function why({ change, sameEndpoint = false, ours, doneFile }: Sides) {
  const selection =
    doneFile === undefined ? {} : { doneFile: { name: doneFile, afterwards: 'move' as const } };
  return whyAcknowledgementRefused({
    source: { endpointId: 's', directory: inbox, selection },
    target: {
      ...{ endpointId: sameEndpoint ? 's' : 't', directory: outbox },
      ...{ checksumFile: ours === undefined ? undefined : { name: ours, algorithm: 'md5' } },
      acknowledgement: { ...rule, ...change },
    },
  });
}

describe('a rule for acknowledgements', () => {
  it.each<Sides>([
    {},
    { change: { refusalName: '{stem}.err', directory: answers } },
    { change: { name: '{name}', directory: answers } },
    { change: { name: '{stem}.ack' }, ours: '{name}.md5', doneFile: '{name}.ok' },
    { change: { name: '{name}.md5', directory: answers }, ours: '{name}.md5' },
    { change: { directory: inbox } },
  ])('may be %o', (sides) => {
    expect(why(sides)).toBeUndefined();
  });

  it.each<[string, RegExp, Sides]>([
    ['name', /template/, { change: { name: '{nam}.ack' } }],
    ['name', /\{name\} or \{stem\}/, { change: { name: 'ok' } }],
    ['name', /"directory"/, { change: { name: 'acks/{name}' } }],
    ['name', /differ .* by a text/, { change: { name: '{name}' } }],
    ['name', /differ .* by a text/, { change: { name: '{name}', directory: outbox } }],
    ['name', /Waybill itself/, { ours: '{name}.ack' }],
    ['name', /Waybill itself/, { doneFile: '{name}.ack' }],
    ['refusalName', /Waybill itself/, { change: { refusalName: '{name}.md5' }, ours: '{name}.md5' }],
    ['refusalName', /made of/, { change: { refusalName: '{name}.{seq}' } }],
    ['refusalName', /same name/, { change: { refusalName: '{name}.ack' } }],
    ['directory', /source directory/, { change: { directory: inbox }, sameEndpoint: true }],
  ])('is refused at %s, %s: %o', (member, message, sides) => {
    expect(why(sides)).toEqual({
      path: ['target', 'acknowledgement', member],
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [{}, ['out/a.csv.ack']],
    [{ refusalName: 'no_{stem}' }, ['out/a.csv.ack', 'out/no_a']],
    [{ name: '{name}', directory: answers }, ['acks/a.csv']],
    [{ name: '{name}', directory: outbox }, undefined],
  ])('says where answers lie: %o', (change, paths) => {
    expect(answerPaths(answerFinder({ ...rule, ...change }), parsePath('out/a.csv'))).toEqual(paths);
  });
});

describe('looks for an answer', () => {
  it('follow after 30 s at first, then each later, after 5 min at most, and last when it is due', () => {
    const since = new Date('2026-03-01T00:00:00Z');
    const times = fc.record({
      timeoutMs: fc.integer({ min: 1_000, max: 86_400_000 }),
      lateMs: fc.nat(2_000),
    });
    fc.assert(
      fc.property(times, ({ timeoutMs, lateMs }) => {
        const due = answerDueAt({ ...rule, timeoutMs }, since);
        let pauseMs = 30_000;
        for (let now = since; now < due; ) {
          const next = nextLookAt({ ...rule, timeoutMs }, since, now);
          const waitedMs = next.getTime() - now.getTime();
          expect(next <= due && waitedMs <= 300_000).toBe(true);
          if (next < due) expect(waitedMs).toBeGreaterThanOrEqual(pauseMs);
          pauseMs = waitedMs;
          now = next < due ? new Date(next.getTime() + lateMs) : next;
        }
      }),
    );
  });
});
