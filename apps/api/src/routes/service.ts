import type { Readiness } from '@waybill/contract';
import { buildOpenApiDocument } from '@waybill/contract/openapi';
import { readAuditHead } from '@waybill/db';
import type { ApiDeps } from '../deps.js';
import type { Handlers } from '../handler.js';

const CHECK_TIMEOUT_MS = 2_000;

/** Is never a run's, so asking the queue for it does nothing. */
const nobody = { runId: '00000000-0000-0000-0000-000000000000', epoch: 0 };

export function serviceRoutes(deps: ApiDeps): Pick<Handlers, 'getHealth' | 'getReadiness' | 'getOpenApi'> {
  const { version, queue } = deps;
  // Built at the first request: most processes never need it.
  let document: Record<string, unknown> | undefined;
  return {
    async getHealth() {
      return { status: 200, body: { status: 'ok', version } };
    },
    async getReadiness() {
      const [database, queueState] = await Promise.all([
        check(deps, 'database', () => readAuditHead(deps.database)),
        queue ? check(deps, 'queue', () => queue.knows(nobody, 'default')) : ('absent' as const),
      ]);
      const checks = { database, queue: queueState } as const;
      return database === 'ok' && queueState !== 'failed'
        ? { status: 200, body: { status: 'ready', checks } }
        : { status: 503, body: { status: 'not-ready', checks } };
    },
    async getOpenApi() {
      document ??= { ...buildOpenApiDocument({ version }) };
      return { status: 200, body: document };
    },
  };
}

async function check(
  { log }: ApiDeps,
  what: keyof Readiness['checks'],
  ask: () => Promise<unknown>,
): Promise<'ok' | 'failed'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([ask(), late]);
    return 'ok';
  } catch (err) {
    log.warn({ err, what }, 'not ready');
    return 'failed';
  } finally {
    clearTimeout(timer);
  }
}
