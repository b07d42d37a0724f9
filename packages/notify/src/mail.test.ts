import { expect, it } from 'vitest';
import { composeMail } from './compose-mail.js';
import { createMailer } from './mail.js';
import { NotifyError } from './notify-error.js';
import { startMailReceiver } from './testing/receivers.js';

const at = new Date('2026-03-01T06:00:00Z');
const failed = (n: number) => ({ at, type: 'run.failed', description: `gave up run ${n}` });

it('a mail server takes the message, with an id that stays the same in all tries', async () => {
  await using receiver = await startMailReceiver();
  const mailer = createMailer({ smtpUrl: receiver.url, from: 'Waybill <waybill@example.com>' });
  await mailer.send({
    ...composeMail('night-desk', [failed(1)]),
    to: ['a@example.com', 'b@example.com'],
    id: 'm1',
  });
  expect(receiver.recipients).toEqual(['a@example.com', 'b@example.com']);
  expect(receiver.messages).toHaveLength(1);
  expect(receiver.messages[0]).toMatch(/Message-ID: <m1@waybill>/i);
  expect(receiver.messages[0]).toMatch(/Auto-Submitted: auto-generated/);
  expect(receiver.messages[0]).toMatch(/gave up run 1/);
});

it('a recipient who is refused is named, and the others are not written to twice', async () => {
  await using receiver = await startMailReceiver();
  const mailer = createMailer({ smtpUrl: receiver.url, from: 'waybill@example.com' });
  const sending = mailer.send({
    subject: 's',
    text: 't',
    to: ['a@example.com', 'nobody@example.com'],
    id: 'm2',
  });
  await expect(sending).rejects.toMatchObject({
    permanent: true,
    message: expect.stringContaining('nobody@example.com'),
  });
  expect(receiver.messages).toHaveLength(1);
});

it('a mail server that is not there may be later', async () => {
  const receiver = await startMailReceiver();
  await receiver[Symbol.asyncDispose]();
  const mailer = createMailer({ smtpUrl: receiver.url, from: 'waybill@example.com' });
  const error = await mailer
    .send({ subject: 's', text: 't', to: ['a@example.com'], id: 'm3' })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(NotifyError);
  expect(error).toMatchObject({ permanent: false });
});

it('a storm is one message that counts what happened', () => {
  const storm = Array.from({ length: 500 }, (_, n) => failed(n));
  const { subject, text } = composeMail('night-desk', [
    ...storm,
    { at, type: 'run.held', description: 'held a run' },
  ]);
  expect(subject).toBe('[Waybill] 501 events: 500 run.failed, 1 run.held');
  expect(text.split('\n')).toHaveLength(204);
  expect(text).toMatch(/and 301 more/);
});

it('what a server said adds no header and no second line to the subject', () => {
  const { subject } = composeMail('s', [
    { at, type: 'run.failed', description: 'no\r\nBcc: everybody@example.com' },
  ]);
  expect(subject).toBe('[Waybill] no Bcc: everybody@example.com');
});
