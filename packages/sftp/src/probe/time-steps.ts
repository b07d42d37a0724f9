import { isAnswer } from '../errors.js';
import { VERSION_3_TIME_STEP_MS } from '../strategy.js';
import { clockOffsetOf, timePrecisionOf, timeToSet, tookTime } from './clock.js';
import { stays } from './content-steps.js';
import type { First, Probing, Step } from './probing.js';
import { passed, skipped, type Verdict } from './steps.js';

/** What the times of files are worth. */
export const timeSteps: readonly Step[] = [
  { name: 'set times', needs: stays, work: setTimes },
  {
    name: 'compare clocks',
    needs: (facts) => stays(facts) ?? (facts.canStat ? undefined : 'files may not be looked at'),
    work: compareClocks,
  },
];

/** The steps of its times show in what becomes of a time that we choose. */
async function setTimes({ facts, scratch, session, signal }: Probing): Promise<Verdict> {
  const file = await scratch.write('dated', Buffer.from('x'));
  const set = timeToSet(new Date());
  const time = new Date(set * 1000);
  try {
    await session.setAttributes({ modifiedAt: time }, { doing: 'set the times of', path: file.path, signal });
  } catch (error) {
    if (!isAnswer(error)) throw error;
    facts.setsTimes = false;
    return passed(`no times can be set, which Waybill can do without: ${error.message}`);
  }
  const found = await scratch.look(file.path);
  const told = found.kind === 'there' ? found.attributes.mtime : undefined;
  if (told === undefined) return skipped('the server does not tell what became of the times that were set');
  facts.setsTimes = tookTime(set, told);
  if (!facts.setsTimes) return passed('the server says that it sets times, and does not');
  facts.timePrecisionMs = timePrecisionOf(set, told);
  const steps =
    facts.timePrecisionMs === null ? 'unknown steps' : `steps of ${facts.timePrecisionMs / 1000} s`;
  return passed(`times can be set, and are told in ${steps}`);
}

async function compareClocks({ facts, first }: Probing): Promise<Verdict> {
  const { since, until, mtime: told } = first as First;
  if (told === undefined) return skipped('the server tells no times');
  facts.clockOffsetMs = clockOffsetOf(
    { since, until, told },
    facts.timePrecisionMs ?? VERSION_3_TIME_STEP_MS,
  );
  const seconds = facts.clockOffsetMs / 1000;
  if (seconds === 0) return passed("the server's clock and ours agree");
  return passed(`the server's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} ours`);
}
