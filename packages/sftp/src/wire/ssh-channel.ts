import type { Client } from 'ssh2';

/** What ssh2 1.17 keeps of a connection and a channel, but does not declare. All of our knowledge of it is in this file. */
interface Connection {
  readonly _chanMgr: { add(opened: Opened): number };
  readonly _protocol: {
    session(id: number, window: number, packetBytes: number): void;
    subsystem(remoteId: number, name: string, wantReply: boolean): void;
    channelData(remoteId: number, bytes: Buffer): void;
    channelWindowAdjust(remoteId: number, bytes: number): void;
    channelClose(remoteId: number): void;
  };
  readonly _sock: { cork(): void; uncork(): void };
}
interface Channel extends NodeJS.EventEmitter {
  readonly incoming: { window: number };
  readonly outgoing: { readonly id: number; window: number; readonly packetSize: number; state: string };
  /** What to do when CHANNEL_SUCCESS (false) or CHANNEL_FAILURE (true) answers a request. */
  readonly _callbacks: ((failed: boolean) => void)[];
  _waitWindow: boolean;
  _chunkcb: (() => void) | undefined;
  push(bytes: Buffer | null): boolean;
  readable: boolean;
}
type Opened = ((error: Error | undefined, channel: Channel) => void) & { type?: string };

/** The packet size that we grant the server: what every implementation has to take (RFC 4253, section 6.1). */
const PACKET_BYTES = 32 * 1024;
/** Nobody grants less; 0 would never let anything through. */
const MIN_PACKET_BYTES = 256;
/** Window that ssh2 enters for every channel, whatever was asked for; it refills it itself below half of that. */
const WINDOW_OF_SSH2 = 2 * 1024 * 1024;

export interface ChannelEvents {
  /** Bytes that the server sent; they stay as they are. What it throws ends the connection. */
  data(bytes: Buffer): void;
  /** Once. The error is undefined if the server closed the channel in good order. */
  ended(error: Error | undefined): void;
}

/**
 * A subsystem channel without Node's streams in between. Small messages that are sent within one turn of the event loop
 * travel in one packet, and all packets of a turn in one write to the socket.
 */
export class SshChannel {
  readonly #connection: Connection;
  readonly #channel: Channel;
  readonly #window: number;
  /** Bytes of the packet that is being filled. */
  readonly #packet: Buffer;
  #filled = 0;
  /** What the window did not take, in order. */
  readonly #waiting: Buffer[] = [];
  #flushing = false;
  #over = false;

  /**
   * Opens a channel and asks for a subsystem on it. What is sent at once goes out right behind that request, without
   * waiting for its answer: bytes of a channel whose subsystem was refused reach nobody.
   * @param window bytes that the server may send before it hears from us
   */
  static async open(
    client: Client,
    { subsystem, window }: { subsystem: string; window: number },
    events: ChannelEvents,
  ): Promise<SshChannel> {
    const connection = client as unknown as Connection;
    const channel = await new Promise<Channel>((resolve, reject) => {
      const opened: Opened = (error, channel) => (error ? reject(error) : resolve(channel));
      opened.type = 'session';
      const id = connection._chanMgr.add(opened);
      connection._protocol.session(id, window, PACKET_BYTES);
    });
    if (channel.outgoing.packetSize < MIN_PACKET_BYTES)
      throw new Error(`the server takes packets of ${channel.outgoing.packetSize} bytes only`);
    return new SshChannel(connection, channel, window, subsystem, events);
  }

  private constructor(
    connection: Connection,
    channel: Channel,
    window: number,
    subsystem: string,
    events: ChannelEvents,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#window = Math.max(window, WINDOW_OF_SSH2);
    this.#packet = Buffer.allocUnsafeSlow(Math.min(channel.outgoing.packetSize, PACKET_BYTES));
    channel.incoming.window = this.#window;
    const end = (error?: Error) => {
      if (this.#over) return;
      this.#over = true;
      channel.readable = false;
      events.ended(error);
    };
    channel.push = (bytes) => {
      if (bytes === null) end();
      else if (!this.#over) {
        events.data(bytes);
        this.#refill();
      }
      return true;
    };
    channel.on('close', () => end());
    channel.on('error', end);
    channel._callbacks.push((failed) => {
      if (failed) end(new Error(`the server has no subsystem "${subsystem}"`));
    });
    connection._protocol.subsystem(channel.outgoing.id, subsystem, true);
  }

  /** Takes all of `parts` in before it returns: they may be used again then. */
  send(...parts: readonly Buffer[]): void {
    if (this.#over) return;
    if (!this.#flushing) {
      this.#flushing = true;
      this.#connection._sock.cork();
      process.nextTick(() => this.#flush());
    }
    for (const part of parts) this.#add(part);
  }

  close(): void {
    if (this.#over || this.#channel.outgoing.state !== 'open') return;
    this.#channel.outgoing.state = 'closing';
    this.#connection._protocol.channelClose(this.#channel.outgoing.id);
  }

  #add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const whole = this.#filled === 0 && bytes.length - at >= this.#packet.length;
      // A packet's worth goes out from where it lies.
      if (whole) {
        this.#transmit(bytes.subarray(at, at + this.#packet.length));
        at += this.#packet.length;
        continue;
      }
      const taken = bytes.copy(this.#packet, this.#filled, at);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#packet.length) this.#transmitFilled();
    }
  }

  #flush(): void {
    this.#flushing = false;
    this.#transmitFilled();
    this.#connection._sock.uncork();
  }

  #transmitFilled(): void {
    if (this.#filled === 0) return;
    const bytes = this.#packet.subarray(0, this.#filled);
    this.#filled = 0;
    this.#transmit(bytes);
  }

  #transmit(bytes: Buffer): void {
    const rest = this.#waiting.length > 0 ? bytes : this.#fit(bytes);
    if (rest.length === 0) return;
    this.#waiting.push(Buffer.from(rest));
    this.#channel._waitWindow = true;
    this.#channel._chunkcb = () => this.#resume();
  }

  /** Sends what the window takes: ssh2 copies and encrypts it at once. @returns the rest */
  #fit(bytes: Buffer): Buffer {
    const { outgoing } = this.#channel;
    if (outgoing.state !== 'open') return EMPTY;
    const now = Math.min(outgoing.window, bytes.length);
    outgoing.window -= now;
    if (now > 0) this.#connection._protocol.channelData(outgoing.id, bytes.subarray(0, now));
    return bytes.subarray(now);
  }

  #resume(): void {
    this.#connection._sock.cork();
    while (this.#waiting.length > 0) {
      const rest = this.#fit(this.#waiting[0] as Buffer);
      if (rest.length > 0) {
        this.#waiting[0] = rest;
        break;
      }
      this.#waiting.shift();
    }
    this.#connection._sock.uncork();
    this.#channel._waitWindow = this.#waiting.length > 0;
  }

  /** ssh2 refills what it knows of by itself, near the end of 2 MiB; we do it early. */
  #refill(): void {
    const { incoming, outgoing } = this.#channel;
    const used = this.#window - incoming.window;
    if (used < this.#window / 4 || outgoing.state !== 'open') return;
    incoming.window += used;
    this.#connection._protocol.channelWindowAdjust(outgoing.id, used);
  }
}

const EMPTY = Buffer.alloc(0);
