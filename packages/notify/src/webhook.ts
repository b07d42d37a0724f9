import { createHmac } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { NotifyError } from './notify-error.js';
import { lookupPublic, refusePrivateLiteral } from './public-address.js';

export interface WebhookMessage {
  readonly url: string;
  readonly allowPrivateAddresses: boolean;
  /** `whsec_` and the key in base64. */
  readonly secret: string;
  /** The same in all tries, so that a receiver can tell a repetition. */
  readonly id: string;
  /** Of this try. */
  readonly at: Date;
  readonly body: string;
}

const PREFIX = 'whsec_';
const TIMEOUT_MS = 15_000;

/** The headers that prove who sent the body, and when: Standard Webhooks, symmetric signatures (`v1`). */
export function signatureHeaders({
  secret,
  id,
  at,
  body,
}: Omit<WebhookMessage, 'url'>): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

/**
 * Posts the message, signed. Follows no redirect: it would hand the message to somebody else.
 * @returns the status, which is 2xx
 * @throws NotifyError
 */
export async function sendWebhook(message: WebhookMessage, signal: AbortSignal): Promise<number> {
  const url = new URL(message.url);
  if (!message.allowPrivateAddresses) refusePrivateLiteral(url.hostname);
  const status = await post(url, message, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw error instanceof NotifyError ? error : unreachable(url, error);
    },
  );
  if (status >= 200 && status < 300) return status;
  const what = status >= 300 && status < 400 ? 'a redirect, which is not followed' : 'no success';
  throw new NotifyError(`${url.origin} answered ${status}: ${what}`, { status, permanent: status === 410 });
}

function post(url: URL, message: WebhookMessage, signal: AbortSignal): Promise<number> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const headers = {
    ...signatureHeaders(message),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(message.body),
    'user-agent': 'Waybill',
  };
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      headers,
      signal,
      agent: false,
      ...(!message.allowPrivateAddresses && { lookup: lookupPublic }),
    });
    request.once('error', reject);
    request.once('response', (response) => {
      // What else the receiver says is of no interest, however long it is.
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.end(message.body);
  });
}

function unreachable(url: URL, cause: unknown): NotifyError {
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new NotifyError(`${url.origin} did not answer within ${TIMEOUT_MS / 1000} s`, { cause });
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new NotifyError(`${url.origin} cannot be reached: ${why}`, { cause });
}
