import { readEvents } from './event-stream.js';
import { type Problem, problem } from './problems.js';
import type { Route } from './route.js';
import { type Asked, type Reply, type RouteName, routes } from './routes.js';
import type { RunEvent } from './runs.js';

export interface ClientOptions {
  /** Where the API is, such as `http://127.0.0.1:8080`; may have a path. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: typeof globalThis.fetch;
}

/** The API said no. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  constructor(readonly problem: Problem) {
    super([problem.detail, ...problem.errors.map((e) => `${whereOf(e)}${e.message}`)].join('\n'));
  }
}

/** The service could not be reached, or what answered is not Waybill. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
}

/** `T` without the members that are always undefined; a member becomes optional where `{}` or undefined would do. */
type Needed<T> = {
  [K in keyof T as undefined extends T[K] ? never : object extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as [T[K]] extends [undefined]
    ? never
    : object extends T[K]
      ? K
      : undefined extends T[K]
        ? K
        : never]?: T[K];
};

export type Call<N extends RouteName> = Needed<{
  params: Asked<N, 'params'>;
  query: Asked<N, 'query'>;
  headers: Asked<N, 'headers'>;
  body: Asked<N, 'body'>;
}> & { readonly signal?: AbortSignal };

type Arguments<N extends RouteName> = object extends Call<N> ? [call?: Call<N>] : [call: Call<N>];

/** The routes that answer with one JSON document. */
export type CallableRoute = Exclude<RouteName, 'watchRun'>;

export interface Client {
  /**
   * Calls a route by its name in the table of routes.
   * @throws ApiProblem if the API says no
   * @throws ApiUnreachable if there is no answer, or none that is Waybill's
   */
  call<N extends CallableRoute>(name: N, ...args: Arguments<N>): Promise<Reply<N>['body']>;
  /**
   * Follows a run until its final state; see the route `watchRun`. Ends early, without an error, if the connection
   * ends: ask for the run to learn how it is.
   * @throws as `call` does, and the signal's reason
   */
  watchRun(runId: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<RunEvent>;
}

/** A typed client of the API. Opens nothing until it is called. */
export function createClient(options: ClientOptions): Client {
  return {
    async call(name, ...args) {
      const response = await send(options, routes[name], (args[0] ?? {}) as AnyCall);
      return await readBody(response);
    },
    async *watchRun(runId, { signal } = {}) {
      const response = await send(options, routes.watchRun, {
        params: { id: runId },
        ...(signal ? { signal } : {}),
      });
      if (!response.body) return;
      for await (const { event, data } of readEvents(response.body, signal))
        yield { event, data: JSON.parse(data) } as RunEvent;
    },
  };
}

interface AnyCall {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

async function send(options: ClientOptions, route: Route, call: AnyCall): Promise<Response> {
  const url = urlOf(options.baseUrl, route.path, call);
  const response = await (options.fetch ?? globalThis.fetch)(url, {
    method: route.method.toUpperCase(),
    headers: headersOf(options, call),
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.signal ? { signal: call.signal } : {}),
  }).catch((cause: unknown) => {
    if (call.signal?.aborted) throw call.signal.reason;
    throw new ApiUnreachable(`no answer from ${options.baseUrl}: ${reasonOf(cause)}`, { cause });
  });
  if (response.status in route.responses) return response;
  throw await problemOf(response);
}

function urlOf(baseUrl: string, path: string, { params = {}, query = {} }: AnyCall): URL {
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const url = new URL(baseUrl.replace(/\/+$/, '') + filled);
  for (const [key, value] of Object.entries(query))
    if (value !== undefined && value !== null) url.searchParams.append(key, String(value));
  return url;
}

function headersOf({ apiKey }: ClientOptions, { headers = {}, body }: AnyCall): Headers {
  const all = new Headers({ accept: 'application/json' });
  if (apiKey !== undefined) all.set('authorization', `Bearer ${apiKey}`);
  if (body !== undefined) all.set('content-type', 'application/json');
  for (const [key, value] of Object.entries(headers)) if (value !== undefined) all.set(key, value);
  return all;
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const parsed = problem.safeParse(await readBody(response));
  if (parsed.success) return new ApiProblem(parsed.data);
  throw new ApiUnreachable(`${response.url} answered ${response.status}, which is not Waybill's API`);
}

// biome-ignore lint/suspicious/noExplicitAny: the type is given by the route that was called.
async function readBody(response: Response): Promise<any> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiUnreachable(`${response.url} answered ${response.status} without JSON`, { cause });
  }
}

/** fetch hides the reason in `cause`. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { message?: string; code?: string } };
  return cause?.message || cause?.code || message;
}

function whereOf({ pointer, parameter, header }: Problem['errors'][number]): string {
  const where = pointer ?? parameter ?? header;
  return where ? `${where}: ` : '';
}
