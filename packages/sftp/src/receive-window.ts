import type { SFTPWrapper } from 'ssh2';

/** What ssh2 keeps of a channel, but does not declare. */
interface Undeclared {
  readonly incoming: { window: number };
  readonly outgoing: { readonly id: number; readonly state: string };
  readonly _protocol: { channelWindowAdjust(id: number, bytes: number): void };
  push(data: Buffer | null): unknown;
}

/**
 * Lets the server send `bytes` on this channel before it hears from us. ssh2 grants 2 MiB and no more, which is all
 * that then travels in one round trip. Bytes come only as answers to READs: those bound what is held in memory.
 */
export function widenReceiveWindow(sftp: SFTPWrapper, bytes: number): void {
  const channel = sftp as unknown as Undeclared;
  const refill = () => {
    const used = bytes - channel.incoming.window;
    if (used < bytes / 4 || channel.outgoing.state !== 'open') return;
    channel.incoming.window += used;
    channel._protocol.channelWindowAdjust(channel.outgoing.id, used);
  };
  const push = channel.push;
  channel.push = (data) => {
    const result = push.call(channel, data);
    refill();
    return result;
  };
  refill();
}
