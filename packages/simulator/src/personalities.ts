import { content } from './personalities/content.js';
import { names } from './personalities/names.js';
import { rules } from './personalities/rules.js';
import { transport } from './personalities/transport.js';
import type { Behaviour, Personality } from './personality.js';

/** All of them, in the order of docs/simulator.md. */
export const personalities: readonly Personality[] = [...content, ...rules, ...names, ...transport];

/** A personality that does not exist, or a setting that it does not take. */
export class PersonalityRefused extends Error {
  override readonly name = 'PersonalityRefused';
}

/**
 * @param text a name, or `name=number` with another value for its setting: `cut-after=65536`
 * @throws PersonalityRefused
 */
export function behaviourOf(text: string): Behaviour {
  const [name = '', value] = text.split('=', 2);
  const personality = personalities.find((known) => known.name === name);
  if (!personality)
    throw new PersonalityRefused(
      `there is no personality "${name}"; there are: ${personalities.map((known) => known.name).join(', ')}`,
    );
  const { setting } = personality;
  if (value === undefined) return personality.create(setting?.default ?? 0);
  if (!setting)
    throw new PersonalityRefused(`the personality ${name} takes no number, but "${value}" was given`);
  if (!/^\d{1,12}$/.test(value))
    throw new PersonalityRefused(`the personality ${name} takes a number of ${setting.unit}, not "${value}"`);
  return personality.create(Number(value));
}
