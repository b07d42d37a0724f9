import { abilitiesOf } from '../abilities.js';
import { requestFailed, Status } from '../errors.js';
import type { Session } from '../session.js';
import type { Attributes } from '../wire/messages.js';

/** What a server says to each kind of request; to those that are left out, status 4. */
export type Answers = {
  readonly [Method in keyof Session]?: Session[Method] extends (...given: infer Given) => infer Answer
    ? (...given: Given) => Awaited<Answer> | Answer
    : never;
};

export interface AnsweringSession {
  readonly session: Session;
  /** Every request, in order: its method and the paths that it names. */
  readonly asked: { readonly method: string; readonly paths: readonly string[] }[];
}

const where = 'sftp://acme@sftp.example.com:22';

/** A session whose answers are made up, so that a test can say everything that a server could. */
export function answeringSession(answers: Answers, offered: readonly string[] = []): AnsweringSession {
  const asked: AnsweringSession['asked'] = [];
  const extensions = new Map(offered.map((name) => [name, name.startsWith('statvfs') ? '2' : '1']));
  const known: Record<string, unknown> = {
    where,
    busy: { reads: 0, writes: 0 },
    abilities: abilitiesOf({ software: undefined, extensions, limits: undefined, roundTripMs: 0 }),
    closeQuietly: async () => {},
    [Symbol.asyncDispose as never]: async () => {},
  };
  const session = new Proxy(known, {
    get(_, method: string) {
      if (method in known) return known[method];
      return async (...given: unknown[]) => {
        const about = given.find(isAbout);
        const paths = given.flatMap((each) =>
          typeof each === 'string' ? [each] : isAbout(each) ? [each.path] : [],
        );
        asked.push({ method, paths });
        const answer = answers[method as keyof Answers] as ((...given: unknown[]) => unknown) | undefined;
        if (!answer) throw refused(about?.path ?? '');
        return await answer(...given);
      };
    },
  });
  return { session: session as unknown as Session, asked };
}

/** The answer to a request about `path` that is refused. */
export function refused(path: string, status: number = Status.failure, words = 'Failure') {
  const cause = Object.assign(new Error(words), { code: status });
  return requestFailed(cause, 'do something with', path, where);
}

const BITS = { file: 0o100644, directory: 0o040755, other: 0o120777 };

/** Looks at what there is, by path. What is not there is answered with `status`. */
export function looksAt(
  places: Readonly<Record<string, keyof typeof BITS>>,
  status: number = Status.noSuchFile,
): NonNullable<Answers['lstat']> {
  return ({ path }) => {
    const type = places[path];
    if (type === undefined) throw refused(path, status);
    return { mode: BITS[type], size: 1, mtime: 0 } as Attributes;
  };
}

function isAbout(given: unknown): given is { readonly path: string } {
  return typeof given === 'object' && given !== null && 'path' in given && 'doing' in given;
}
