import type { Serve, SftpAnswer, SftpRequest } from './requests.js';

/** One SFTP channel of a client, as a behaviour may act on it. */
export interface Channel {
  /** Ends the whole connection at once, without a goodbye. */
  cut(): void;
}

/** What a simulated server does otherwise than a well-behaved one, from its start to its end. Everything is optional. */
export interface Behaviour {
  /** Answers in place of the well-behaved server, which is `next`, or before or after it. */
  serve?(request: SftpRequest, next: Serve, channel: Channel): Promise<SftpAnswer>;
  /** Extensions that the server has, and does not offer. */
  readonly hiddenExtensions?: readonly string[];
  /** Text that is written into the channel before the protocol starts. */
  readonly bannerText?: string;
  /** What the server calls itself. */
  readonly softwareVersion?: string;
  /** Does the nth connection, from 1, meet another host key than the one that was announced? */
  offersOtherHostKey?(connection: number): boolean;
  /** Connections that may be logged in at once; more are closed right after the login. */
  readonly maxSessions?: number;
  /** SFTP channels that one connection may open. */
  readonly maxChannels?: number;
}

/** The number that a personality takes. */
export interface Setting {
  readonly unit: 'bytes' | 'ms' | 'entries' | 'minutes' | 'connections';
  readonly default: number;
}

/** A way in which real servers misbehave. */
export interface Personality {
  readonly name: string;
  /** What the server does: one sentence. */
  readonly does: string;
  /** Which real servers do so, and where that can be read. */
  readonly seenAt: string;
  /** What Waybill promises against it. */
  readonly promise: string;
  readonly setting?: Setting;
  /** @param value of the setting */
  create(value: number): Behaviour;
}

/** Composes behaviours: the first one sees a request first. */
export function serveThrough(behaviours: readonly Behaviour[], serve: Serve, channel: Channel): Serve {
  return behaviours.reduceRight<Serve>(
    (next, behaviour) => (request) =>
      behaviour.serve ? behaviour.serve(request, next, channel) : next(request),
    serve,
  );
}
