import type { RemotePath } from './remote-path.js';

export const answerRules = ['keep', 'remove'] as const;
/** What becomes of an acknowledgement once it was seen. A refusal stays in any case, for people to read. */
export type AnswerRule = (typeof answerRules)[number];

/** The partner answers to each delivered file by a file of its own at the target endpoint. */
export interface AcknowledgementRule {
  /** Template of its name, such as `{name}.ack`. */
  readonly name: string;
  /** Template of the name by which the partner refuses a file, such as `{name}.err`. */
  readonly refusalName?: string | undefined;
  /** Where answers lie; left out: beside their files. */
  readonly directory?: RemotePath | undefined;
  /** How long an answer is waited for, from the delivery on. */
  readonly timeoutMs: number;
  /** `keep` if left out. */
  readonly afterwards?: AnswerRule | undefined;
}

/** An answer as it was seen: one of the same size and time is the same one. */
export interface SeenAnswer {
  readonly path: RemotePath;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
}

const SHORTEST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 300_000;

/** Until when an answer is waited for. */
export function answerDueAt({ timeoutMs }: AcknowledgementRule, awaitedSince: Date): Date {
  return new Date(awaitedSince.getTime() + timeoutMs);
}

/** When to look again for an answer that was not there at `now`: soon at first, then every five minutes, last when it is due. */
export function nextLookAt(rule: AcknowledgementRule, awaitedSince: Date, now: Date): Date {
  const waitedMs = now.getTime() - awaitedSince.getTime();
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, waitedMs / 2));
  return new Date(Math.min(now.getTime() + pauseMs, answerDueAt(rule, awaitedSince).getTime()));
}
