import { joinPath, printableName, type RemotePath } from '@waybill/domain';
import { type ListEntry, StorageError, whyListedNameRefused } from '@waybill/storage';
import { fileInfo, typeOf, whyClaimsRefused } from './attributes.js';
import { MAX_LIST_ENTRIES, MAX_LIST_NAME_CHARACTERS } from './options.js';
import type { Session } from './session.js';
import type { Named } from './wire/messages.js';

export interface ListPlan {
  readonly directory: RemotePath;
  /** The same as the server knows it. */
  readonly absolute: string;
  readonly signal: AbortSignal;
}

/** Answers without an entry, one after the other, after which a listing is taken for endless. */
const MAX_EMPTY_ANSWERS = 100;
/** What is kept of a name that can't be used: enough to show it. Characters. */
const MAX_REFUSED_NAME = 1000;

/** Yields the entries as the server sends them, a batch at a time. */
export async function* listDirectory(session: Session, plan: ListPlan): AsyncGenerator<ListEntry> {
  const about = { doing: 'list', path: plan.absolute, signal: plan.signal };
  const handle = await session.openDirectory(about);
  const ask = () => {
    const batch = session.readDirectory(handle, about);
    // Whoever stops early never looks at it.
    batch.catch(() => {});
    return batch;
  };
  // One ahead: the answer that there is no more is then on its way already.
  const asked = [ask(), ask()];
  try {
    for (let entries = 0, characters = 0, empty = 0; ; ) {
      const batch = await asked.shift();
      if (batch === undefined) return;
      asked.push(ask());
      entries += batch.length;
      for (const { filename } of batch) characters += filename.length;
      empty = batch.length === 0 ? empty + 1 : 0;
      if (entries > MAX_LIST_ENTRIES || characters > MAX_LIST_NAME_CHARACTERS || empty > MAX_EMPTY_ANSWERS)
        throw new StorageError(
          'protocol-error',
          `${printableName(plan.absolute)} on ${session.where} has more than ${MAX_LIST_ENTRIES} entries, names of more ` +
            `than ${MAX_LIST_NAME_CHARACTERS} characters together, or a listing that never ends; after ${entries} entries`,
        );
      for (const found of batch) if (!isSelf(found)) yield await entryOf(session, plan, found);
    }
  } finally {
    // Nobody waits: whatever is asked for next comes behind it on the same channel.
    void session.closeQuietly(handle, plan.absolute);
  }
}

/** Many servers list the directory itself, and the one above. */
function isSelf({ filename }: Named): boolean {
  return filename === '.' || filename === '..';
}

async function entryOf(session: Session, plan: ListPlan, found: Named): Promise<ListEntry> {
  const name = found.filename;
  const reason = found.utf8 ? whyListedNameRefused(plan.directory, name) : 'the name is not valid UTF-8';
  if (reason !== undefined) return { kind: 'refused', name: shortened(name), reason };
  const path = joinPath(plan.directory, name);
  let claims = found.attributes;
  let type = typeOf(claims, found.longname);
  if (type === undefined) {
    const about = { doing: 'look at', path: `${plan.absolute}/${name}`, signal: plan.signal };
    claims = await session.lstat(about);
    type = typeOf(claims) ?? 'other';
  }
  if (type !== 'file') return { kind: type, path };
  const why = whyClaimsRefused(claims);
  if (why !== undefined) return { kind: 'refused', name, reason: why };
  return { kind: 'file', ...fileInfo(path, claims, session.where) };
}

/** Copied, since a part of a string keeps the whole of it in memory. */
function shortened(name: string): string {
  return name.length <= MAX_REFUSED_NAME ? name : Buffer.from(name.slice(0, MAX_REFUSED_NAME)).toString();
}
