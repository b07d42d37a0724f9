import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { NotifyError } from './notify-error.js';
import { isPublicAddress } from './public-address.js';
import { startHttpReceiver } from './testing/receivers.js';
import { sendWebhook } from './webhook.js';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const { signal } = new AbortController();

function message(url: string, allowPrivateAddresses = true) {
  return {
    url,
    allowPrivateAddresses,
    secret,
    id: 'message-1',
    at: new Date(),
    body: '{"type":"run.failed","n":"ü"}',
  };
}

async function refusal(sending: Promise<unknown>): Promise<NotifyError> {
  const error = await sending.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NotifyError);
  return error as NotifyError;
}

it('is accepted by the verifier of the Standard Webhooks project, and not after a change', async () => {
  await using receiver = await startHttpReceiver();
  expect(await sendWebhook(message(receiver.url), signal)).toBe(204);
  const [got] = receiver.received;
  const headers = got?.headers as Record<string, string>;
  expect(new Webhook(secret).verify(got?.body ?? '', headers)).toEqual({ type: 'run.failed', n: 'ü' });
  expect(() => new Webhook(secret).verify(`${got?.body} `, headers)).toThrow();
  expect(() =>
    new Webhook(secret).verify(got?.body ?? '', { ...headers, 'webhook-id': 'message-2' }),
  ).toThrow();
});

it.each([301, 400, 500, 503])('a receiver that answers %i has not taken it', async (status) => {
  await using receiver = await startHttpReceiver();
  receiver.answer = status;
  const error = await refusal(sendWebhook(message(receiver.url), signal));
  expect(error).toMatchObject({ status, permanent: false });
  expect(receiver.received).toHaveLength(1);
});

it('a receiver that is gone for good is not asked again', async () => {
  await using receiver = await startHttpReceiver();
  receiver.answer = 410;
  expect(await refusal(sendWebhook(message(receiver.url), signal))).toMatchObject({ permanent: true });
});

it('a receiver that hangs up, or is not there, is told apart from one that refuses', async () => {
  await using receiver = await startHttpReceiver();
  receiver.answer = 'hang up';
  expect(await refusal(sendWebhook(message(receiver.url), signal))).toMatchObject({
    status: undefined,
    permanent: false,
  });
  const gone = await startHttpReceiver();
  await gone[Symbol.asyncDispose]();
  const error = await refusal(sendWebhook(message(gone.url), signal));
  expect(error.message).toMatch(/cannot be reached/);
});

it.each([
  'http://127.0.0.1:1/',
  'http://[::1]:1/',
  'http://[::ffff:127.0.0.1]:1/',
  'http://10.1.2.3/',
  'http://169.254.169.254/latest/meta-data/',
  'http://[fd00::1]/',
  'http://0.0.0.0/',
  'http://2130706433/',
  'http://localhost:1/',
])('never connects to %s unless that is allowed', async (url) => {
  const error = await refusal(sendWebhook(message(url, false), signal));
  expect(error.message).toMatch(/not an address of the public internet/);
  expect(error.permanent).toBe(true);
});

it('knows public addresses', () => {
  expect(['93.184.216.34', '2606:2800:220:1::1', '::ffff:93.184.216.34'].map(isPublicAddress)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['100.64.0.1', '224.0.0.1', 'fe80::1', '64:ff9b::7f00:1', 'name'].map(isPublicAddress)).toEqual(
    Array.from({ length: 5 }, () => false),
  );
});
