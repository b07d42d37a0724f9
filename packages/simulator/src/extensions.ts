import type { SFTPWrapper } from 'ssh2';

/** The parts of ssh2's server-side channel that no public method reaches. */
interface Channel {
  _protocol: { channelData(id: number, payload: Buffer): void };
  readonly outgoing: { readonly id: number; window: number };
}

/**
 * Makes the server's VERSION reply name `extensions`. ssh2 (1.17) emits `EXTENDED` for such requests but sends a fixed
 * reply that announces none, and clients do not ask for what was not announced. The reply is the first packet of the
 * channel, so the first one is replaced, and then ssh2's own protocol object takes over again.
 * @param bannerText written in front of it: what a login script of the partner would print
 */
export function announceExtensions(
  sftp: SFTPWrapper,
  extensions: Readonly<Record<string, string>>,
  bannerText: string,
): void {
  const channel = sftp as unknown as Channel;
  const protocol = channel._protocol;
  const reply = Buffer.concat([Buffer.from(bannerText), versionReply(extensions)]);
  channel._protocol = Object.assign(Object.create(protocol) as typeof protocol, {
    channelData(id: number, payload: Buffer) {
      channel._protocol = protocol;
      channel.outgoing.window -= reply.length - payload.length;
      protocol.channelData(id, reply);
    },
  });
}

/** SSH_FXP_VERSION, version 3, with extension pairs (draft-ietf-secsh-filexfer-02, section 4). */
function versionReply(extensions: Readonly<Record<string, string>>): Buffer {
  const body = [Buffer.from([2, 0, 0, 0, 3]), ...Object.entries(extensions).flat().map(sshString)];
  return Buffer.concat([uint32(Buffer.concat(body).length), ...body]);
}

/** Reads the strings that an extended request carries. */
export function readStrings(data: Buffer): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const end = at + 4 + data.readUInt32BE(at);
    strings.push(data.subarray(at + 4, end));
    at = end;
  }
  return strings;
}

function sshString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
