import type { Writable } from 'node:stream';
import type { Run } from '@waybill/contract';
import { Presets, SingleBar } from 'cli-progress';
import { formatBytes, formatDuration, formatTime, printable } from './format.js';
import type { RunObserver } from './watch-run.js';

/** A watched run on a terminal or in a log. `end` before anything else is written. */
export interface RunDisplay extends RunObserver {
  end(): void;
}

/** A bar on a terminal; plain lines everywhere else. */
export function displayRun(stream: Writable & { readonly isTTY?: boolean }, now = Date.now): RunDisplay {
  return stream.isTTY ? barDisplay(stream, now) : lineDisplay(stream, now);
}

function barDisplay(stream: Writable, now: () => number): RunDisplay {
  const states = stateLines((line) => {
    stop();
    stream.write(`${line}\n`);
  });
  const rate = rateMeter(now);
  const options = {
    stream: stream as NodeJS.WriteStream,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 28,
  };
  let bar: SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    run: states,
    progress: (progress) => {
      const { bytesMoved, bytesSelected, files } = progress;
      if (!bar) {
        const format = '{bar} {percentage} % · {bytes} · {files} files · {rate} {name}';
        bar = new SingleBar({ ...options, format }, Presets.shades_grey);
        bar.start(Math.max(1, bytesSelected), 0, { bytes: '', files: '', rate: '', name: '' });
      }
      bar.setTotal(Math.max(1, bytesSelected));
      bar.update(bytesMoved, {
        bytes: `${formatBytes(bytesMoved)} of ${formatBytes(bytesSelected)}`,
        files: `${files.delivered}/${files.selected}`,
        rate: rate(bytesMoved),
        name: shorten(progress.moving[0]?.sourcePath ?? ''),
      });
    },
    end: stop,
  };
}

const LINE_EVERY_MS = 5_000;

function lineDisplay(stream: Writable, now: () => number): RunDisplay {
  const rate = rateMeter(now);
  let next = now();
  return {
    run: stateLines((line) => stream.write(`${line}\n`)),
    progress: ({ bytesMoved, bytesSelected, files }) => {
      const speed = rate(bytesMoved);
      if (now() < next) return;
      next = now() + LINE_EVERY_MS;
      const moved = `${formatBytes(bytesMoved)} of ${formatBytes(bytesSelected)}`;
      const parts = [moved, `${files.delivered} of ${files.selected} files`, ...(speed ? [speed] : [])];
      stream.write(`${parts.join(', ')}
`);
    },
    end: () => undefined,
  };
}

/** One line whenever what the record says has changed. */
function stateLines(write: (line: string) => void): (run: Run) => void {
  let last = '';
  return (run) => {
    const line = describeState(run);
    if (line !== last) write(line);
    last = line;
  };
}

/** How a run is, in one line: of one that stands still, the code of its failure alone, as its record has the rest. */
export function describeState(run: Run): string {
  const { state, failure, notBefore, waiting, files } = run;
  const code = failure ? `: ${failure.code}` : '';
  const why = failure ? `: ${failure.code}: ${printable(failure.message)}` : '';
  switch (state) {
    case 'queued':
      if (waiting) return `queued, waits because ${printable(waiting.message)}`;
      return notBefore && failure
        ? `queued for the next attempt at ${formatTime(notBefore)}${why}`
        : 'queued';
    case 'running':
      return run.attemptsUsed > 0 ? `running, attempt ${run.attemptsUsed + 1}` : 'running';
    case 'held':
      return `held until somebody decides${code}`;
    default:
      return `${state}: ${files.delivered} delivered, ${files.failed} failed, ${files.skipped} skipped, ${formatBytes(run.bytesMoved)}${tookOf(run)}${code}`;
  }
}

function tookOf({ startedAt, finishedAt }: Run): string {
  return startedAt && finishedAt
    ? ` in ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
    : '';
}

const RATE_WINDOW_MS = 3_000;

/** The mean rate of the last seconds: steady enough to be read. */
function rateMeter(now: () => number): (bytesMoved: number) => string {
  const samples: { at: number; bytes: number }[] = [];
  return (bytes) => {
    const at = now();
    // The count starts over where an attempt does.
    if (bytes < (samples.at(-1)?.bytes ?? 0)) samples.length = 0;
    samples.push({ at, bytes });
    while (samples.length > 2 && at - (samples[0]?.at ?? at) > RATE_WINDOW_MS) samples.shift();
    const first = samples[0] ?? { at, bytes };
    const perSecond = Math.round(((bytes - first.bytes) * 1000) / (at - first.at));
    return at > first.at ? `${formatBytes(perSecond)}/s` : '';
  };
}

function shorten(name: string): string {
  const text = printable(name);
  return text.length > 30 ? `…${text.slice(-29)}` : text;
}
