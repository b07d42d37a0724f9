import type { Endpoint } from '@waybill/contract';
import { InvalidArgumentError } from 'commander';
import { expect, it } from 'vitest';
import { parsePartNaming, partNamingSettings, partNamingShown } from './endpoint-part-naming.js';

it.each(['suffix:.tmp', 'prefix:~', 'directory:tmp/parts', 'none', 'own'])(
  '%s is shown as it is given',
  (text) => {
    const settings = {
      kind: 'local',
      root: '/',
      ...partNamingSettings({ partNaming: parsePartNaming(text) }),
    };
    expect(partNamingShown({ settings } as Endpoint)).toBe(text);
  },
);

it.each(['', 'suffix', 'suffix:', '.tmp', 'none:x'])('"%s" is refused', (text) => {
  expect(() => parsePartNaming(text)).toThrow(InvalidArgumentError);
});
