import path from 'node:path';
import { type Client, createClient } from '@waybill/contract';
import type { Command } from 'commander';
import type { Config } from './config.js';
import { type ConnectionOptions, findConnection } from './connection.js';
import { Output, type Streams } from './output.js';

interface GlobalOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** What every command is given. The options are known only once the command line was read. */
export class Context {
  readonly #program: Command;
  readonly config: Config;
  readonly streams: Streams;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;

  constructor(program: Command, config: Config, streams: Streams, signal: AbortSignal) {
    this.#program = program;
    this.config = config;
    this.streams = streams;
    this.signal = signal;
  }

  get out(): Output {
    const { json = false } = this.#program.opts<GlobalOptions>();
    return new Output(this.streams, { json, noColor: this.config.noColor });
  }

  /** Absolute. */
  get dataDir(): string {
    const { dataDir } = this.#program.opts<GlobalOptions>();
    return dataDir === undefined ? this.config.dataDir : path.resolve(dataDir);
  }

  /** @throws CommandFailed if it is not known where the service is */
  async client(): Promise<Client> {
    return createClient(
      await findConnection({ ...this.#program.opts<GlobalOptions>(), dataDir: this.dataDir }, this.config),
    );
  }
}
