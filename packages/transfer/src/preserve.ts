import { modeOf, PRESERVE_MODE } from '@waybill/domain';
import { type FileAttributes, StorageError } from '@waybill/storage';
import { reachOf } from './failure-reach.js';
import { type FileToMove, type RunContext, statIfAny } from './run-context.js';

type Attribute = keyof FileAttributes;
const NAMES: Record<Attribute, string> = { modifiedAt: 'time', mode: 'mode' };

/**
 * Gives part files what the definition wants them to have besides their bytes: the source's time, and permissions. Once
 * the rename is written down, so that an attempt that may not write to the file any more need not. Best effort: a target
 * that refuses changes no outcome, and is asked no more in this run.
 */
export class Preserver {
  readonly #run: Omit<RunContext, 'preserver'>;
  readonly #refused = new Set<Attribute>();

  constructor(run: Omit<RunContext, 'preserver'>) {
    this.#run = run;
  }

  async preserve(file: FileToMove): Promise<void> {
    const { preserveTimes = true } = this.#run.definition.target;
    if (preserveTimes) await this.#set(file, 'modifiedAt', file.modifiedAt);
    await this.#set(file, 'mode', await this.#modeFor(file));
  }

  async #modeFor({ readPath, sourcePath }: FileToMove): Promise<number | undefined> {
    const { definition, source, signal, warn } = this.#run;
    const { mode } = definition.target;
    if (mode !== PRESERVE_MODE) return mode === undefined ? undefined : modeOf(mode);
    const found = await statIfAny(source, readPath, signal);
    if (found?.mode === undefined)
      warn(`${source.label} does not tell the mode of ${sourcePath}: it is not preserved`, undefined);
    return found?.mode;
  }

  async #set<A extends Attribute>(
    { partPath, targetPath }: FileToMove,
    attribute: A,
    value: FileAttributes[A],
  ): Promise<void> {
    const { target, signal, warn } = this.#run;
    if (value === undefined || this.#refused.has(attribute)) return;
    try {
      await target.setAttributes?.(partPath, { [attribute]: value }, { signal });
    } catch (error) {
      if (signal.aborted || !(error instanceof StorageError) || reachOf(error.code) === 'run') throw error;
      // Servers that take each file away at once say nothing of the next one.
      if (error.code !== 'not-found') this.#refused.add(attribute);
      warn(`${target.label} does not let us set the ${NAMES[attribute]} of ${targetPath}`, error);
    }
  }
}
