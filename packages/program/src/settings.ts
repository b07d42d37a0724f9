export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment holds settings that can't be used; `message` lists all of them, a line each. */
export class SettingsRefused extends Error {
  override readonly name = 'SettingsRefused';
}

/** Reads single settings. A bad one is noted and its fallback (or a blank) is returned, so that all can be listed. */
export interface SettingsReader {
  /** `undefined` if it is not set or empty. */
  optional(name: string): string | undefined;
  required(name: string, meaning: string): string;
  text(name: string, fallback: string): string;
  /** A required setting that `parse` has to take; what it throws is noted. */
  parsed<T>(name: string, meaning: string, parse: (value: string) => T): T;
  integer(name: string, fallback: number, bounds: { min: number; max: number }): number;
  choice<T extends string>(name: string, fallback: T, choices: readonly T[]): T;
  /** Comma-separated words. */
  list(name: string, fallback: readonly string[]): string[];
}

/**
 * Reads settings in one pass.
 * @throws SettingsRefused naming every setting that is missing or wrong, with what it may be
 */
export function readSettings<T>(environment: Environment, read: (from: SettingsReader) => T): T {
  const problems: string[] = [];
  const optional = (name: string) => environment[name]?.trim() || undefined;
  const required = (name: string, meaning: string) => {
    const value = optional(name);
    if (value === undefined) problems.push(`${name} is not set: ${meaning}`);
    return value;
  };
  const settings = read({
    optional,
    required: (name, meaning) => required(name, meaning) ?? '',
    parsed<T>(name: string, meaning: string, parse: (value: string) => T): T {
      const value = required(name, meaning);
      try {
        if (value !== undefined) return parse(value);
      } catch (error) {
        problems.push((error as Error).message);
      }
      // Never seen: with a problem noted, no settings are returned.
      return undefined as T;
    },
    text: (name, fallback) => optional(name) ?? fallback,
    integer(name, fallback, { min, max }) {
      const value = optional(name);
      if (value === undefined) return fallback;
      if (/^\d+$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
      problems.push(`${name} is "${value}": write a whole number from ${min} to ${max}`);
      return fallback;
    },
    choice(name, fallback, choices) {
      const value = optional(name);
      if (value === undefined) return fallback;
      const chosen = choices.find((choice) => choice === value);
      if (chosen === undefined) problems.push(`${name} is "${value}": write one of ${choices.join(', ')}`);
      return chosen ?? fallback;
    },
    list(name, fallback) {
      const words = (optional(name) ?? '').split(',').map((word) => word.trim());
      const filled = words.filter((word) => word !== '');
      return filled.length > 0 ? filled : [...fallback];
    },
  });
  if (problems.length > 0) throw new SettingsRefused(problems.join('\n'));
  return settings;
}
