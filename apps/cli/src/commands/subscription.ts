import type { Asked, Notification, Subscription } from '@waybill/contract';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { addLimit, collect, given } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';

type Settings = Asked<'createSubscription', 'body'>['settings'];

interface Common {
  readonly event: string[];
  readonly partner?: string;
}

interface MailFields extends Common {
  readonly to: string[];
  readonly fold?: number;
  readonly digest?: { at: string; timeZone: string };
}

export function addSubscriptionCommands(program: Command, context: Context): void {
  const subscription = program
    .command('subscription')
    .description('who is told of what happens, by webhook or mail');
  const { signal } = context;

  const create = async (name: string, settings: Settings, { event: events, partner }: Common) => {
    const client = await context.client();
    const body = { name, settings, events, ...given({ partnerId: partner }) };
    const made = await client.call('createSubscription', { body, signal });
    showWithKey(context.out, made);
  };

  commonOf(
    subscription.command('add-webhook <name>').description('have a program told, by signed HTTP requests'),
  )
    .requiredOption('--post-to <url>', 'where requests go')
    .option('--allow-private', 'also to addresses of private networks and of this machine')
    .action(
      async (
        name: string,
        { postTo: url, allowPrivate, ...common }: Common & { postTo: string; allowPrivate?: boolean },
      ) => create(name, { kind: 'webhook', url, ...given({ allowPrivateAddresses: allowPrivate }) }, common),
    );

  commonOf(subscription.command('add-mail <name>').description('have people told, by mail'))
    .requiredOption('--to <address>', 'may be repeated', collect)
    .option('--fold <seconds>', 'gather what follows a message so closely into the next one (300)', seconds)
    .addOption(
      new Option('--digest <time and zone>', 'one message a day, such as "07:00 Europe/Berlin"').argParser(
        digest,
      ),
    )
    .action(async (name: string, { to, fold, digest, ...common }: MailFields) =>
      create(name, { kind: 'mail', to, ...given({ foldSeconds: fold, digest }) }, common),
    );

  addLimit(subscription.command('list').description('list subscriptions')).action(
    async ({ limit }: { limit: number }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (query) => client.call('listSubscriptions', { query, signal }));
      printPage(context.out, page, [
        { title: 'NAME', value: (s) => s.name },
        { title: 'TO', value: receiver },
        { title: 'EVENTS', value: (s) => s.events.join(', ') },
        { title: 'PARTNER', value: (s) => s.partnerName ?? 'all' },
        { title: 'ENABLED', value: (s) => (s.enabled ? 'yes' : 'no') },
      ]);
    },
  );

  subscription
    .command('show <subscription>')
    .description('show a subscription')
    .action(async (id: string) => {
      const client = await context.client();
      show(context.out, await client.call('getSubscription', { params: { id }, signal }));
    });

  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    subscription
      .command(`${verb} <subscription>`)
      .description(enabled ? 'tell of what happens from now on' : 'tell nothing until it is enabled again')
      .action(async (id: string) => {
        const client = await context.client();
        show(
          context.out,
          await client.call('updateSubscription', { params: { id }, body: { enabled }, signal }),
        );
      });

  subscription
    .command('renew-key <subscription>')
    .description('sign the messages of a webhook with a new key, which is shown this once')
    .action(async (id: string) => {
      const client = await context.client();
      showWithKey(context.out, await client.call('renewSubscriptionKey', { params: { id }, signal }));
    });

  subscription
    .command('test <subscription>')
    .description('send a message that tells nothing')
    .action(async (id: string) => {
      const client = await context.client();
      const sent = await client.call('testSubscription', { params: { id }, signal });
      context.out.result(sent, () =>
        context.out.line(`it is on its way; see "waybill notification show ${sent.id}"`),
      );
    });
}

export function addNotificationCommands(program: Command, context: Context): void {
  const notification = program.command('notification').description('the messages to subscribers');
  const { signal } = context;

  addLimit(notification.command('list').description('list messages, newest first'))
    .option('--subscription <subscription>', 'to this subscriber')
    .addOption(new Option('--state <state>').choices(['pending', 'delivered', 'dead']))
    .action(
      async ({
        limit,
        subscription,
        state,
      }: {
        limit: number;
        subscription?: string;
        state?: Notification['state'];
      }) => {
        const client = await context.client();
        const filter = given({ subscription, state });
        const page = await fetchUpTo(limit, (query) =>
          client.call('listNotifications', { query: { ...query, ...filter }, signal }),
        );
        printPage(context.out, page, [
          { title: 'ID', value: (n) => n.id },
          { title: 'TO', value: (n) => n.subscriptionName },
          { title: 'EVENTS', value: (n) => String(n.events.length) },
          { title: 'STATE', value: (n) => n.state },
          { title: 'FAILED TRIES', value: (n) => String(n.failures) },
          { title: 'MADE', value: (n) => formatTime(n.createdAt) },
        ]);
      },
    );

  notification
    .command('show <id>')
    .description('show a message, and why it did not arrive')
    .action(async (id: string) => {
      const client = await context.client();
      showNotification(context.out, await client.call('getNotification', { params: { id }, signal }));
    });

  notification
    .command('replay <id>')
    .description('have the events of a message told again, as a new message')
    .action(async (id: string) => {
      const client = await context.client();
      showNotification(context.out, await client.call('replayNotification', { params: { id }, signal }));
    });
}

function commonOf(command: Command): Command {
  return command
    .requiredOption('--event <type>', 'such as run.failed, "run.*" or "*"; may be repeated', collect)
    .option('--partner <partner>', 'only what concerns this partner');
}

function seconds(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('write a number of seconds.');
}

function digest(text: string): { at: string; timeZone: string } {
  const [at, timeZone, ...more] = text.trim().split(/\s+/);
  if (at === undefined || timeZone === undefined || more.length > 0)
    throw new InvalidArgumentError('write a time and a zone, such as "07:00 Europe/Berlin".');
  return { at, timeZone };
}

function receiver({ settings }: Subscription): string {
  return settings.kind === 'webhook' ? settings.url : settings.to.join(', ');
}

function show(out: Output, subscription: Subscription): void {
  out.result(subscription, () => out.fields(fieldsOf(subscription)));
}

function showWithKey(out: Output, made: Subscription & { readonly signingKey: string | null }): void {
  out.result(made, () => {
    out.fields(fieldsOf(made));
    if (made.signingKey === null) return;
    out.note('The key that its messages are signed with. Give it to the receiver: it cannot be shown again.');
    out.line(made.signingKey);
  });
}

function fieldsOf(subscription: Subscription) {
  const { settings } = subscription;
  const digest = settings.kind === 'mail' ? settings.digest : undefined;
  return {
    Name: subscription.name,
    To: receiver(subscription),
    Events: subscription.events.join(', '),
    Partner: subscription.partnerName ?? 'all',
    ...(digest && { Digest: `${digest.at} ${digest.timeZone}` }),
    Enabled: subscription.enabled ? 'yes' : 'no',
    Id: subscription.id,
  };
}

function showNotification(out: Output, notification: Notification): void {
  out.result(notification, () =>
    out.fields({
      To: notification.subscriptionName,
      State: notification.state,
      Events: notification.events.join(', ') || 'none: a test',
      'Failed tries': String(notification.failures),
      'Last error': notification.lastError ?? '',
      'Next try': notification.state === 'pending' ? formatTime(notification.notBefore) : '',
      Delivered: formatTime(notification.deliveredAt),
      Id: notification.id,
    }),
  );
}
