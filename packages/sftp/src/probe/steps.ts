import type { FailureCode, ProbeOutcome, ProbeStep } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { statusOf } from '../errors.js';

export interface Verdict {
  readonly outcome: ProbeOutcome;
  readonly detail: string;
}

export const passed = (detail: string): Verdict => ({ outcome: 'passed', detail });
export const failed = (detail: string): Verdict => ({ outcome: 'failed', detail });
export const skipped = (detail: string): Verdict => ({ outcome: 'skipped', detail });

/** Takes steps one after the other and writes down what became of each. */
export class Steps {
  readonly taken: ProbeStep[] = [];
  readonly #signal: AbortSignal;
  /** The step in which the connection ended. */
  #lostIn: string | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Nothing more can be asked. */
  get lost(): boolean {
    return this.#lostIn !== undefined;
  }

  /**
   * What `work` throws because of the partner is the step's failure.
   * @param why the step can't be taken; undefined if it can
   * @returns whether it passed
   * @throws the signal's reason
   */
  async take(name: string, work: () => Promise<Verdict>, why?: string | undefined): Promise<boolean> {
    this.#signal.throwIfAborted();
    const startedAt = performance.now();
    const reason = this.#lostIn === undefined ? why : `the connection ended in the step "${this.#lostIn}"`;
    const { outcome, detail } = reason === undefined ? await this.#verdictOf(name, work) : skipped(reason);
    this.taken.push({ name, outcome, detail, tookMs: Math.round(performance.now() - startedAt) });
    return outcome === 'passed';
  }

  async #verdictOf(name: string, work: () => Promise<Verdict>): Promise<Verdict> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof StorageError)) throw error;
      if (isEnd(error)) this.#lostIn = name;
      return failed(error.message);
    }
  }
}

const ENDS: ReadonlySet<FailureCode> = new Set(['connection-lost', 'timed-out', 'protocol-error']);

/** The session can't be asked anything any more. */
function isEnd({ code, cause }: StorageError): boolean {
  return statusOf(cause) === undefined && ENDS.has(code);
}
