import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Libraries that two packages share on purpose, and why. */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  // Two pools of connections to the same server, which never see each other; the test kit makes databases.
  pg: ['db', 'queue', 'testkit'],
  // Its client side for us, its server side for the partner that is simulated.
  ssh2: ['sftp', 'simulator'],
};

/** Third-party library → the packages that may import it at run time: those that declare it (biome holds that). */
function owners(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const kind of ['packages', 'apps'])
    for (const name of readdirSync(join(root, kind))) {
      const manifest = JSON.parse(readFileSync(join(root, kind, name, 'package.json'), 'utf8'));
      for (const library of Object.keys(manifest.dependencies ?? {}))
        if (!library.startsWith('@waybill/')) found.set(library, [...(found.get(library) ?? []), name]);
    }
  return found;
}

it('one third-party library has one owner', () => {
  for (const [library, packages] of owners())
    expect([library, packages]).toEqual([library, SHARED[library] ?? packages.slice(0, 1)]);
});
