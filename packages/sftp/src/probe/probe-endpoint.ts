import type { ProbeProposal, ProbeReport } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { openSession } from '../connect.js';
import { findRoot } from '../find-root.js';
import type { SftpOptions } from '../options.js';
import type { Session } from '../session.js';
import { connectionSteps } from './connection-steps.js';
import { contentSteps } from './content-steps.js';
import { nameSteps } from './name-steps.js';
import { placeSteps } from './place-steps.js';
import { firstFacts, type Probing, type Step } from './probing.js';
import { proposalsFor } from './proposals.js';
import { Scratch } from './scratch.js';
import { passed, Steps, type Verdict } from './steps.js';
import { suggestRoot } from './suggest-root.js';
import { timeSteps } from './time-steps.js';

/**
 * Tries out what transfers will need of an SFTP account: connects, lists, and in a hidden directory of its own writes,
 * looks, reads back, renames and removes. Then sees how many connections and channels there may be. It opens no file
 * that it did not make: mailboxes give each file once. It takes away what it made, also after a failure (over
 * another connection if the first is lost), and after an abort while the connection lives; what stays is named in the step
 * `clean up` and in the log.
 *
 * What the partner does wrong is a failed step, never an error. It logs in twice at most, with one try each.
 * @throws the signal's reason
 */
export async function probeEndpoint(options: SftpOptions, signal: AbortSignal): Promise<ProbeReport> {
  const steps = new Steps(signal);
  const session = await connect(options, steps, signal);
  if (session === undefined) return { steps: steps.taken, profile: null, proposals: [] };
  try {
    return await probe(session, options, steps, signal);
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

async function connect(
  options: SftpOptions,
  steps: Steps,
  signal: AbortSignal,
): Promise<Session | undefined> {
  let session: Session | undefined;
  await steps.take('connect and log in', async () => {
    session = await openSession(options, signal);
    return passed(`connected to ${session.known.software ?? 'a server that does not say what it is'}`);
  });
  return session;
}

async function probe(
  session: Session,
  options: SftpOptions,
  steps: Steps,
  signal: AbortSignal,
): Promise<ProbeReport> {
  const opened = await openRoot(session, options.root, steps, signal);
  if (opened.root === undefined) return { steps: steps.taken, profile: null, proposals: opened.proposals };
  const facts = firstFacts(session.known, new Date());
  const scratch = new Scratch(session, opened.root, signal);
  const probing: Probing = { options, session, root: opened.root, scratch, facts, signal };
  try {
    await takeAll([...placeSteps, ...contentSteps, ...timeSteps, ...nameSteps], probing, steps);
  } finally {
    await cleanUp(probing, steps);
  }
  await takeAll(connectionSteps, probing, steps);
  return { steps: steps.taken, profile: facts, proposals: proposalsFor(facts) };
}

async function openRoot(
  session: Session,
  root: string,
  steps: Steps,
  signal: AbortSignal,
): Promise<{ root?: string; proposals: ProbeProposal[] }> {
  const proposals: ProbeProposal[] = [];
  let absolute: string | undefined;
  await steps.take('open the root', async () => {
    try {
      [absolute] = await Promise.all([findRoot(session, root, signal), session.learnLimits(signal)]);
      return passed(`the root is ${absolute || '/'}`);
    } catch (error) {
      const missing = error instanceof StorageError && error.code === 'not-found';
      const proposal = missing ? await suggestRoot(session, root, signal) : undefined;
      if (proposal) proposals.push(proposal);
      throw error;
    }
  });
  return absolute === undefined ? { proposals } : { root: absolute, proposals };
}

async function takeAll(list: readonly Step[], probing: Probing, steps: Steps): Promise<void> {
  for (const { name, work, needs } of list)
    await steps.take(name, () => work(probing), needs?.(probing.facts));
}

/** A step like the others; but it is also taken when nothing else is, and an abort does not end it. */
async function cleanUp(probing: Probing, steps: Steps): Promise<void> {
  const startedAt = performance.now();
  const { outcome, detail } = await cleanUpOverAny(probing, steps.lost);
  steps.taken.push({ name: 'clean up', outcome, detail, tookMs: Math.round(performance.now() - startedAt) });
  // After an abort nobody reads the step.
  if (outcome === 'failed') probing.options.log?.(`after a probe: ${detail}`);
}

/** The connection was lost in the middle: one more is tried, so that nothing is left lying at the partner's. */
async function cleanUpOverAny(
  { options, scratch, session, signal }: Probing,
  lost: boolean,
): Promise<Verdict> {
  if (!lost || signal.aborted || scratch.untouched) return scratch.cleanUp(session);
  try {
    await using another = await openSession(options, signal);
    return await scratch.cleanUp(another);
  } catch (error) {
    if (!(error instanceof StorageError) && !signal.aborted) throw error;
    // It names what stays.
    return scratch.cleanUp(session);
  }
}
