import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';

/** Parsers of option values; what they throw, commander reports as wrong usage. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

export function positive(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('Write a number of at least 1.');
  return value;
}

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

export function addLimit(command: Command): Command {
  return command.addOption(new Option('--limit <n>', 'how many at most').argParser(positive).default(50));
}

/** The entries of `values` that were given. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** @throws CommandFailed if the file cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new CommandFailed(exitCodes.invalid, `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** @throws CommandFailed if the file cannot be read or is not JSON */
export async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandFailed(exitCodes.invalid, `${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
