import { expect, it } from 'vitest';
import { describeEvent } from './describe.js';
import { outcomeOf } from './event.js';

it('says in one line what happened, to whom and why', () => {
  expect(
    describeEvent({
      type: 'run.held',
      subject: { kind: 'run', id: 'r' },
      data: {
        transfer: 'nightly',
        version: 3,
        epoch: 1,
        failureCode: 'host-key-mismatch',
        failureMessage: 'offered SHA256:a, trusted SHA256:b',
      },
    }),
  ).toBe('held a run of transfer nightly (host-key-mismatch): offered SHA256:a, trusted SHA256:b');
});

it('tells a denied request from everything that succeeded', () => {
  const data = { method: 'GET', path: '/', status: 401, reason: 'no key' } as const;
  expect(outcomeOf({ type: 'request.denied', subject: { kind: 'request', id: '' }, data })).toBe('denied');
});
