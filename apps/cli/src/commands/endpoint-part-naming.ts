import type { Endpoint } from '@waybill/contract';
import { InvalidArgumentError } from 'commander';

type PartNaming = NonNullable<Extract<Endpoint['settings'], { kind: 'local' }>['partNaming']>;
type GivenNaming = PartNaming | 'own';

export interface PartNamingOptions {
  readonly partNaming?: GivenNaming | undefined;
}

/** Parser of an option's value; what it throws, commander reports as wrong usage. */
export function parsePartNaming(text: string): GivenNaming {
  if (text === 'own') return text;
  if (text === 'none') return { kind: text };
  const [, kind, rest = ''] = /^(suffix|prefix|directory):(.+)$/s.exec(text) ?? [];
  switch (kind) {
    case 'suffix':
      return { kind, suffix: rest };
    case 'prefix':
      return { kind, prefix: rest };
    case 'directory':
      return { kind, directory: rest };
    default:
      throw new InvalidArgumentError(
        'Write suffix:<text>, prefix:<text>, directory:<directory>, none or own.',
      );
  }
}

/** What settings have of this option: "own" is what they leave out. */
export function partNamingSettings({ partNaming }: PartNamingOptions) {
  return { partNaming: partNaming === 'own' ? undefined : partNaming };
}

/** As it is given; `undefined` where an endpoint has no part files. */
export function partNamingShown({ settings }: Endpoint): string | undefined {
  if (settings.kind === 's3') return undefined;
  const { partNaming } = settings;
  switch (partNaming?.kind) {
    case 'suffix':
      return `suffix:${partNaming.suffix}`;
    case 'prefix':
      return `prefix:${partNaming.prefix}`;
    case 'directory':
      return `directory:${partNaming.directory}`;
    default:
      return partNaming?.kind ?? 'own';
  }
}
