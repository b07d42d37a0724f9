import { addAbortSignal, type Duplex } from 'node:stream';
import { type AlgorithmUse, legacyAlgorithmsByUse, printableName } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import type { Algorithms } from './algorithms.js';

/** The algorithms that a server takes. */
type Offer = Readonly<Record<AlgorithmUse, readonly string[]>>;

const KEXINIT = 20;
const MAX_BYTES = 64 * 1024;
const MAX_NAMES = 20;

/** ssh2 tells by its text alone that two sides have no algorithm in common. */
export function sharesNoAlgorithm({ cause }: StorageError): boolean {
  return cause instanceof Error && /no matching/i.test(cause.message);
}

/**
 * Puts into words what a server would have wanted that shares no algorithm with us, by asking it once more.
 * @param ours what it was offered
 * @param open connects to the server
 * @returns `failure` as it is where the server does not tell
 */
export async function explainNoMatch(
  failure: StorageError,
  where: string,
  ours: Algorithms,
  open: () => Promise<Duplex>,
  signal: AbortSignal,
): Promise<StorageError> {
  try {
    const offer = await readOffer(await open(), signal);
    return new StorageError('protocol-error', describeNoMatch(where, ours, offer), { cause: failure });
  } catch {
    // It has failed already; this was only to say more about it.
    return failure;
  }
}

function describeNoMatch(where: string, ours: Algorithms, offer: Offer): string {
  const uses = lacking(ours, offer);
  const offered = uses.map((use) => `${WORDS[use]} ${names(offer[use])}`).join('; ');
  const ways = uses.map((use) => legacyAlgorithmsByUse[use].filter((name) => offer[use].includes(name)));
  const said = `${where} has no algorithm in common with us. It offers for ${offered}`;
  if (ways.some((way) => way.length === 0))
    return `${said}. There is none among them that Waybill has: have the partner upgrade the server`;
  return (
    `${said}. Have the partner upgrade the server. Until then the weak ones among them can be allowed for this endpoint ` +
    `alone: waybill endpoint update <endpoint> --legacy ${ways.flat().join(',')}`
  );
}

const WORDS: Readonly<Record<AlgorithmUse, string>> = {
  kex: 'key exchange',
  serverHostKey: 'the host key',
  cipher: 'encryption',
  hmac: 'integrity',
};

/** For what nothing of ours is among theirs. A cipher that authenticates needs no separate integrity. */
function lacking(ours: Algorithms, offer: Offer): AlgorithmUse[] {
  const common = (use: AlgorithmUse) => ours[use].find((name) => offer[use].includes(name));
  const needsHmac = !/gcm|poly1305/.test(common('cipher') ?? '');
  const uses = ['kex', 'serverHostKey', 'cipher', ...(needsHmac ? ['hmac' as const] : [])] as const;
  return uses.filter((use) => common(use) === undefined);
}

function names(offered: readonly string[]): string {
  const shown = offered.slice(0, MAX_NAMES).map(printableName);
  return offered.length > MAX_NAMES ? `${shown.join(', ')}, …` : shown.join(', ') || 'nothing';
}

/** Reads the lists that a server begins with (RFC 4253, sections 4.2 and 7.1). The stream is used up. */
async function readOffer(stream: Duplex, signal: AbortSignal): Promise<Offer> {
  stream.write('SSH-2.0-Waybill\r\n');
  let received = Buffer.alloc(0);
  // Leaving the loop destroys the stream.
  for await (const chunk of addAbortSignal(signal, stream)) {
    received = Buffer.concat([received, chunk as Buffer]);
    const offer = parseOffer(received);
    if (offer) return offer;
    if (received.length > MAX_BYTES) throw new Error('no list of algorithms came');
  }
  throw new Error('the server hung up');
}

/** @returns undefined as long as the packet is not there as a whole */
function parseOffer(received: Buffer): Offer | undefined {
  // Lines of text may come before the identification.
  const identification = /(?:^|\n)SSH-[^\n]*\n/.exec(received.toString('latin1'));
  if (!identification) return undefined;
  const packet = received.subarray(identification.index + identification[0].length);
  if (packet.length < 4 || packet.length < 4 + packet.readUInt32BE(0)) return undefined;
  // Length of the packet (4), length of the padding (1), then the payload: its type (1), a cookie (16), ten lists.
  if (packet[5] !== KEXINIT) throw new Error('the server began with something else');
  let position = 6 + 16;
  const list = () => {
    const start = position + 4;
    position = start + packet.readUInt32BE(position);
    return packet.toString('latin1', start, position).split(',').filter(Boolean);
  };
  const [kex, serverHostKey, cipher, , hmac] = [list(), list(), list(), list(), list()];
  return { kex, serverHostKey, cipher, hmac } as Offer;
}
