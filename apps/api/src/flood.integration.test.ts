import { afterAll, beforeAll, expect, it } from 'vitest';
import { REFUSALS_PER_WINDOW } from './plugins/authenticate.js';
import { startTestApi, type TestApi } from './testing/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

it('a flood without a valid key is cut off and audited once more, and keeps nobody out who has a key', async () => {
  const more = 50;
  const statuses: number[] = [];
  for (let sent = 0; sent < REFUSALS_PER_WINDOW + more; sent += 25) {
    const guesses = Array.from({ length: 25 }, () =>
      fetch(`${api.url}/api/v1/runs`, { headers: { authorization: 'Bearer wb_guess' } }),
    );
    for (const { status } of await Promise.all(guesses)) statuses.push(status);
  }
  expect(statuses.filter((status) => status === 401)).toHaveLength(REFUSALS_PER_WINDOW);
  expect(statuses.filter((status) => status === 429)).toHaveLength(more);
  const answer = await fetch(`${api.url}/api/v1/runs`);
  expect(answer.headers.get('retry-after')).toBe('60');
  expect(await answer.json()).toMatchObject({ code: 'too-many-refusals', status: 429 });

  const denied = await api.database.prisma.auditEvent.count({ where: { type: 'request.denied' } });
  expect(denied).toBe(REFUSALS_PER_WINDOW + 1);
  expect((await api.request('GET', '/api/v1/runs')).status).toBe(200);
});
