import type { Channel } from './personality.js';

/** What a behaviour remembers of open handles; their numbers mean something within their channel alone. */
export class ByHandle<T> {
  readonly #channels = new WeakMap<Channel, Map<string, T>>();

  get(channel: Channel, handle: Buffer): T | undefined {
    return this.#channels.get(channel)?.get(handle.toString('hex'));
  }

  set(channel: Channel, handle: Buffer, value: T): void {
    const handles = this.#channels.get(channel) ?? new Map<string, T>();
    this.#channels.set(channel, handles.set(handle.toString('hex'), value));
  }

  delete(channel: Channel, handle: Buffer): void {
    this.#channels.get(channel)?.delete(handle.toString('hex'));
  }
}
