/** One event, in words. */
export interface Told {
  readonly at: Date;
  readonly type: string;
  /** A sentence. May quote a server. */
  readonly description: string;
  /** Where to look for more, such as `run 01981f5e-…`. */
  readonly about?: string | undefined;
}

const MAX_LINES = 200;
const MAX_SUBJECT = 150;

/** Subject and text of a message about one event, or about all that were folded into it. */
export function composeMail(
  subscription: string,
  events: readonly Told[],
): { readonly subject: string; readonly text: string } {
  const [first] = events;
  const subject =
    events.length === 1 && first
      ? `[Waybill] ${first.description}`
      : `[Waybill] ${events.length} events: ${countedTypes(events)}`;
  const shown = events.slice(0, MAX_LINES).map(lineOf);
  const left = events.length - shown.length;
  const lines = [
    ...shown,
    ...(left > 0 ? [`… and ${left} more; the audit log has them all.`] : []),
    '',
    `You receive this because of the subscription "${subscription}".`,
  ];
  return { subject: oneLine(subject), text: `${lines.join('\n')}\n` };
}

function lineOf({ at, description, about }: Told): string {
  return `${at.toISOString()}  ${description}${about === undefined ? '' : ` (${about})`}`;
}

/** `3 run.failed, 1 run.held`, most first. */
function countedTypes(events: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
}

function oneLine(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ');
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT - 3)}...` : line;
}
