import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';

/** A path leaves the directory that the account is confined to. */
export class OutsideJail extends Error {
  override readonly name = 'OutsideJail';
  readonly code = 'EACCES';
}

/** Maps the paths that clients write onto one directory of this machine, and nothing outside it. */
export class Jail {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** @throws as `realpath` if there is no such directory */
  static async open(root: string): Promise<Jail> {
    return new Jail(await realpath(root));
  }

  /** As the client sees it: absolute and normalised; relative paths start at `/`. */
  visible(requested: string): string {
    return path.posix.resolve('/', requested);
  }

  /**
   * Where `requested` lies on disk. The last segment need not exist and is not followed.
   * @throws OutsideJail if a symbolic link leads out; as `realpath` if the directory does not exist
   */
  async place(requested: string): Promise<string> {
    const visible = this.visible(requested);
    if (visible === '/') return this.#root;
    const directory = await realpath(path.join(this.#root, path.posix.dirname(visible)));
    this.#check(directory, requested);
    return path.join(directory, path.posix.basename(visible));
  }

  /** Like {@link place}, following a symbolic link at the end. */
  async target(requested: string): Promise<string> {
    const place = await this.place(requested);
    const isLink = await lstat(place).then(
      (stats) => stats.isSymbolicLink(),
      () => false, // Not there: the caller's own call says so.
    );
    if (!isLink) return place;
    const target = await realpath(place);
    this.#check(target, requested);
    return target;
  }

  #check(place: string, requested: string): void {
    if (place === this.#root || place.startsWith(this.#root + path.sep)) return;
    throw new OutsideJail(`${requested} leads out of the account's directory`);
  }
}
