import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Api } from './api.js';

/** One command of `waybill` against the API, as an operator types it. */
export async function waybill(
  { url, key }: Api,
  args: readonly string[],
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['apps/cli/bin/waybill.js', ...args], {
    env: { ...process.env, WAYBILL_URL: url, WAYBILL_API_KEY: key },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stdout, stderr };
}
