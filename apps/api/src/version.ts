import { versionIn } from '@waybill/program';

/** The version of Waybill, which this package has too. */
export function readVersion(): string {
  return versionIn(new URL('../package.json', import.meta.url));
}
