import { expect, expectTypeOf, it } from 'vitest';
import { ApiProblem, ApiUnreachable, createClient } from './client.js';
import type { Partner } from './partners.js';
import type { Problem } from './problems.js';

interface Seen {
  request?: Request;
}

/** A client whose requests end at `answer`. */
function clientOf(answer: (request: Request) => Response, seen: Seen = {}) {
  return createClient({
    baseUrl: 'http://waybill.test/base/',
    apiKey: 'wb_key',
    fetch: async (input, init) => {
      seen.request = new Request(input, init);
      return answer(seen.request);
    },
  });
}

const refused: Problem = {
  type: 'urn:waybill:problem:not-found',
  code: 'not-found',
  title: 'There is no such record',
  status: 404,
  detail: 'There is no partner "x".',
  remedy: 'Check the id or name in the address.',
  errors: [],
  requestId: 'r1',
};

it('writes parameters, query, headers and body to where the route has them', async () => {
  const seen: Seen = {};
  const client = clientOf(() => Response.json({}, { status: 200 }), seen);

  await client.call('triggerRun', { params: { id: 'a b' }, headers: { 'Idempotency-Key': 'k' } });
  expect(seen.request?.url).toBe('http://waybill.test/base/api/v1/transfers/a%20b/runs');
  expect(seen.request?.method).toBe('POST');
  expect(seen.request?.headers.get('idempotency-key')).toBe('k');
  expect(seen.request?.headers.get('authorization')).toBe('Bearer wb_key');

  await client.call('updatePartner', { params: { id: 'p' }, body: { title: 'T' } });
  expect(await seen.request?.json()).toEqual({ title: 'T' });

  await client.call('listRuns', { query: { limit: 5, state: 'failed' } });
  expect(seen.request?.url).toBe('http://waybill.test/base/api/v1/runs?limit=5&state=failed');
});

it('knows from the route what is needed and what comes back', () => {
  const client = clientOf(() => Response.json({}));
  expectTypeOf(client.call<'getPartner'>).returns.resolves.toEqualTypeOf<Partner>();
  // @ts-expect-error the parameters are needed
  const withoutParameters = () => client.call('getPartner');
  // @ts-expect-error there is no such state
  const wrongState = () => client.call('listRuns', { query: { state: 'asleep' } });
  expect([withoutParameters, wrongState]).toHaveLength(2);
});

it('throws the problem that the API answers', async () => {
  const client = clientOf(() => Response.json(refused, { status: 404 }));
  const error = await client.call('getPartner', { params: { id: 'x' } }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiProblem);
  expect((error as ApiProblem).problem).toEqual(refused);
});

it('tells an API that cannot be reached from one that says no', async () => {
  const silent = clientOf(() => {
    throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  });
  await expect(silent.call('listPartners')).rejects.toThrow(/no answer from .*ECONNREFUSED/);
  const other = clientOf(() => new Response('<html>', { status: 502 }));
  await expect(other.call('listPartners')).rejects.toBeInstanceOf(ApiUnreachable);
});

it('reads the events of a run, however the bytes are cut', async () => {
  const text = ': ping\n\nevent: snapshot\ndata: {"id":"ä"}\n\nevent: state\ndata: {"id":"b"}\n\n';
  const bytes = new TextEncoder().encode(text);
  const client = clientOf(
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
            controller.close();
          },
        }),
      ),
  );
  const events: unknown[] = [];
  for await (const event of client.watchRun('r')) events.push(event);
  expect(events).toEqual([
    { event: 'snapshot', data: { id: 'ä' } },
    { event: 'state', data: { id: 'b' } },
  ]);
});

it('ends quietly where the stream of events breaks off', async () => {
  const client = clientOf(
    () =>
      new Response(
        new ReadableStream(
          {
            start(controller) {
              controller.enqueue(new TextEncoder().encode('event: state\ndata: {}\n\nevent: st'));
            },
            pull(controller) {
              controller.error(new Error('connection reset'));
            },
          },
          { highWaterMark: 0 },
        ),
      ),
  );
  const events: unknown[] = [];
  for await (const event of client.watchRun('r')) events.push(event);
  expect(events).toEqual([{ event: 'state', data: {} }]);
});
