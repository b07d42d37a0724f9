import type { Behaviour, Personality } from '../personality.js';
import { silence } from '../requests.js';

/** How connections, keys and channels misbehave. */
export const transport: readonly Personality[] = [
  {
    name: 'silent-after',
    does: 'After so many bytes of file content on a connection, it answers nothing more and keeps the connection open.',
    seenAt: 'hung back ends and stateful firewalls; github.com/mscdex/ssh2/issues/740',
    promise: 'The attempt ends with timed-out at the deadline of the endpoint, and the next one continues.',
    setting: { unit: 'bytes', default: 1024 * 1024 },
    create: (limit) => afterBytes(limit, () => silence),
  },
  {
    name: 'cut-after',
    does: 'Every connection is cut after so many bytes of file content.',
    seenAt: 'firewalls with a volume limit, restarts, mobile links',
    promise:
      'The attempt ends with connection-lost; the next one reads back what arrived and continues behind it.',
    setting: { unit: 'bytes', default: 1024 * 1024 },
    create: (limit) =>
      afterBytes(limit, (cut) => {
        cut();
        return silence;
      }),
  },
  {
    name: 'idle-cut',
    does: 'A connection on which nothing was asked for so long is cut; SSH keepalives do not count.',
    seenAt: 'SFTPGo (idle_timeout), AWS Transfer Family (30 minutes)',
    promise:
      'A slow source ends the attempt with connection-lost, never with a short file; the next one continues.',
    setting: { unit: 'ms', default: 60_000 },
    create: idleCut,
  },
  {
    name: 'few-sessions',
    does: 'So many connections may be logged in at once; more are closed right after the login.',
    seenAt: 'servers with "max clients" per account',
    promise:
      'A connection too many fails with connection-lost and is tried later; those that are open stay unharmed.',
    setting: { unit: 'connections', default: 1 },
    create: (maxSessions) => ({ maxSessions }),
  },
  {
    name: 'no-second-channel',
    does: 'One SFTP channel per connection; a second one is refused.',
    seenAt: 'OpenSSH (MaxSessions 1), many embedded servers; man sshd_config',
    promise: 'Files are delivered over the one channel that there is.',
    create: () => ({ maxChannels: 1 }),
  },
  {
    name: 'host-key-changes',
    does: 'All connections after the first so many meet another host key than the announced one.',
    seenAt: 'containers that make new keys at every start, unannounced rotations',
    promise:
      'Nothing is sent, not even the credential: host-key-mismatch names both fingerprints and holds the run.',
    setting: { unit: 'connections', default: 0 },
    create: (before) => ({ offersOtherHostKey: (connection) => connection > before }),
  },
  {
    name: 'host-key-differs',
    does: 'Every second connection meets another host key than the announced one.',
    seenAt: 'clusters behind a balancer whose nodes have keys of their own',
    promise: 'Connections with the pinned key work, all others send nothing and end with host-key-mismatch.',
    create: () => ({ offersOtherHostKey: (connection) => connection % 2 === 0 }),
  },
  {
    name: 'banner-text',
    does: 'A login script writes text into the channel before the protocol starts.',
    seenAt: 'shells that echo in .bashrc, receipts of mailboxes; github.com/phpseclib/phpseclib/issues/2069',
    promise: 'Opening the endpoint ends with protocol-error at once; nothing hangs, nothing is allocated.',
    create: () => ({ bannerText: 'Welcome to ACME. All access is logged.\r\n' }),
  },
];

/** Content read or written, per channel. */
function afterBytes(limit: number, then: (cut: () => void) => typeof silence): Behaviour {
  const moved = new WeakMap<object, number>();
  return {
    async serve(request, next, channel) {
      const before = moved.get(channel) ?? 0;
      if (before >= limit) return then(() => channel.cut());
      if (request.kind === 'write') moved.set(channel, before + request.data.length);
      const answer = await next(request);
      if (answer.kind === 'data') moved.set(channel, (moved.get(channel) ?? 0) + answer.data.length);
      return answer;
    },
  };
}

function idleCut(idleMs: number): Behaviour {
  const timers = new WeakMap<object, NodeJS.Timeout>();
  return {
    serve(request, next, channel) {
      clearTimeout(timers.get(channel));
      // Cutting a connection that has ended does nothing; a program that ends does not wait for it.
      timers.set(channel, setTimeout(() => channel.cut(), idleMs).unref());
      return next(request);
    },
  };
}
