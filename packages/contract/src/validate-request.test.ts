import { expect, it } from 'vitest';
import { routes } from './routes.js';
import { validateRequest } from './validate-request.js';

const nothing = { params: {}, query: {}, headers: {}, body: undefined };

it('names everything that is wrong, and where', () => {
  const body = { title: 7, 'a/b': 1, more: 2 };
  expect(validateRequest(routes.createPartner, { ...nothing, query: { x: '1' }, body })).toEqual({
    valid: false,
    errors: [
      { parameter: 'x', message: 'unknown field' },
      { pointer: '/name', message: 'is required' },
      { pointer: '/title', message: expect.stringContaining('expected string') },
      { pointer: '/a~1b', message: 'unknown field' },
      { pointer: '/more', message: 'unknown field' },
    ],
  });
});

it('says that the body is required where there is none', () => {
  expect(validateRequest(routes.createPartner, nothing)).toEqual({
    valid: false,
    errors: [{ pointer: '', message: 'is required' }],
  });
});

it('does not repeat a secret that it refuses', () => {
  const body = { kind: 'password', password: ['hunter2'], extra: 'hunter2' };
  const found = validateRequest(routes.setCredential, { ...nothing, params: { id: 'a' }, body });
  expect(found.valid).toBe(false);
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

it('fills in defaults and reads numbers and times of the query', () => {
  const query = { limit: '20', since: '2026-03-01T06:00:00+01:00' };
  expect(validateRequest(routes.listRuns, { ...nothing, query })).toMatchObject({
    valid: true,
    request: { query: { limit: 20, since: new Date('2026-03-01T05:00:00Z') } },
  });
  expect(validateRequest(routes.listRuns, nothing)).toMatchObject({ request: { query: { limit: 50 } } });
});

it.each(['0', '201', 'many', '1.5', ''])('refuses the limit "%s"', (limit) => {
  expect(validateRequest(routes.listRuns, { ...nothing, query: { limit } })).toMatchObject({
    errors: [{ parameter: 'limit' }],
  });
});

it.each(['', 'a b', 'ä', 'x'.repeat(256)])('refuses the idempotency key "%s"', (key) => {
  const headers = { 'Idempotency-Key': key };
  expect(validateRequest(routes.triggerRun, { ...nothing, params: { id: 'a' }, headers })).toMatchObject({
    errors: [{ header: 'Idempotency-Key' }],
  });
});
