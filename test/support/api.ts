import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: the tests look at JSON as an integrator's script would
export type Json = any;

/** The REST API as a script uses it. */
export class Api {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Json> {
    const { status, json } = await this.raw(method, path, body, headers);
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  async raw(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === '' ? undefined : (JSON.parse(text) as Json) };
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown, headers?: Record<string, string>) =>
    this.call('POST', path, body, headers);

  /** All items of a list, page after page. */
  async all(path: string): Promise<Json[]> {
    const items: Json[] = [];
    let cursor: string | null = null;
    do {
      const joint = path.includes('?') ? '&' : '?';
      const page: Json = await this.get(
        `${path}${joint}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return items;
  }

  async run(transfer: string): Promise<Json> {
    return this.post(`/transfers/${transfer}/runs`, {});
  }

  /** Waits until the run is in one of the states, or in any that it doesn't leave by itself. */
  async settled(runId: string, timeoutMs = 120_000): Promise<Json> {
    return this.until(runId, (run) => !['queued', 'running'].includes(run.state), timeoutMs);
  }

  async until(runId: string, reached: (run: Json) => boolean, timeoutMs = 60_000): Promise<Json> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const run = await this.get(`/runs/${runId}`).catch((error) => {
        if (Date.now() > deadline) throw error;
        return undefined;
      });
      if (run && reached(run)) return run;
      if (Date.now() > deadline) expect.fail(`the run did not get there in time: ${JSON.stringify(run)}`);
      await sleep(50);
    }
  }
}
