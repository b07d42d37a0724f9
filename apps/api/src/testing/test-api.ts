import { type Client, createClient, type Problem, problem, type Route, routes } from '@waybill/contract';
import { type Database, openDatabase } from '@waybill/db';
import type { Scope } from '@waybill/domain';
import { createApiKey } from '@waybill/operations';
import { createSigner, createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import type { ApiDeps } from '../deps.js';
import { startApi } from '../start-api.js';

export const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';
export const SFTP = { kind: 'sftp', host: 'sftp.acme.example', username: 'waybill' } as const;
export const LOCAL = { kind: 'local', root: '/srv/exchange' } as const;

export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
  /** A key that may do everything. */
  readonly adminKey: string;
  /** With the admin's key; checks every answer against the contract. */
  readonly client: Client;
  makeKey(name: string, scopes: readonly Scope[]): Promise<string>;
  /** A request as it is, with the admin's key unless other headers are given. */
  request(method: string, path: string, init?: RequestInit): Promise<Response>;
  /** A request with a JSON body that is to be refused: its problem, checked against the contract. */
  refusal(method: string, path: string, body?: unknown): Promise<Problem>;
  /** How many rows each table has. */
  countRows(): Promise<Record<string, number>>;
}

export interface TestApiOptions {
  /** What else the API is given, made for its database. */
  readonly more?: (databaseUrl: string) => Promise<Pick<ApiDeps, 'queue' | 'signals'>>;
  /** The way on which the database is reached. */
  readonly via?: (databaseUrl: string) => Promise<string>;
}

/** The API on a free port and a database of its own. */
export async function startTestApi({ more, via }: TestApiOptions = {}): Promise<TestApi> {
  const { url: databaseUrl, drop } = await createTestDatabase();
  const database = openDatabase({ url: via ? await via(databaseUrl) : databaseUrl });
  const context = { database, actor: { kind: 'system', name: 'test' } } as const;
  const makeKey = async (name: string, scopes: readonly Scope[]) =>
    (await createApiKey(context, { name, scopes })).key;
  const masterKey = parseMasterKey(Buffer.alloc(32, 7).toString('base64'), 'test');
  const log = createLogger({ name: 'api', level: 'silent' });
  const adminKey = await makeKey('admin', ['admin']);
  const api = await startApi(
    {
      ...(await more?.(databaseUrl)),
      database,
      vault: createVault(masterKey),
      signer: createSigner(masterKey),
      log,
      version: '1.2.3',
    },
    { host: '127.0.0.1', port: 0 },
  );
  const { url } = api;

  const request: TestApi['request'] = (method, path, init = {}) =>
    fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${adminKey}` }, ...init });
  return {
    url,
    database,
    adminKey,
    client: createClient({ baseUrl: url, apiKey: adminKey, fetch: fetchChecked }),
    makeKey,
    request,
    async refusal(method, path, body) {
      const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
      const response = await request(method, path, {
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return await readProblem(response);
    },
    countRows: () => countRows(database),
    async [Symbol.asyncDispose]() {
      await api.close();
      await database.close();
      await drop();
    },
  };
}

/** @throws if the answer is no problem, or its parts disagree */
export async function readProblem(response: Response): Promise<Problem> {
  const found = problem.parse(await response.json());
  const type = response.headers.get('content-type');
  const requestId = response.headers.get('x-request-id');
  if (
    found.status !== response.status ||
    found.requestId !== requestId ||
    !/^application\/problem\+json/.test(type ?? '')
  )
    throw new Error(`the problem and its response disagree: ${JSON.stringify({ found, type, requestId })}`);
  return found;
}

const fetchChecked: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const response = await fetch(request);
  const schema = routeOf(request)?.responses[response.status]?.schema;
  if (schema && response.headers.get('content-type')?.startsWith('application/json'))
    schema.parse(await response.clone().json());
  return response;
};

function routeOf(request: Request): Route | undefined {
  const { pathname } = new URL(request.url);
  return Object.values<Route>(routes).find(
    ({ method, path }) =>
      method.toUpperCase() === request.method &&
      new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
}

async function countRows({ prisma }: Database): Promise<Record<string, number>> {
  const tables = await prisma.$queryRaw<{ name: string; n: number }[]>`
    select table_name as name, (xpath('/row/n/text()',
      query_to_xml(format('select count(*) as n from %I', table_name), false, true, '')))[1]::text::int as n
    from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`;
  return Object.fromEntries(tables.map(({ name, n }) => [name, n]));
}
