import { checksumGraceMs, type RequiredChecksumFile } from '../checksum-file.js';
import {
  type CompanionFinder,
  companionFinder,
  companionNameTester,
  whyCompanionNameRefused,
} from './companion.js';
import { type NamePattern, namePattern } from './name-pattern.js';
import type { SelectionRules } from './rules.js';

/** Which files of a directory are meant: what a definition says of its source. */
export interface SelectionSource {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly selection?: SelectionRules | undefined;
  readonly checksumFile?: RequiredChecksumFile | undefined;
}

/** The rules with their patterns ready to match. */
export interface CompiledRules extends SelectionRules {
  readonly included: readonly NamePattern[];
  readonly excluded: readonly NamePattern[];
  /** Where the done-file of a file lies; `undefined` if its name would be none. */
  readonly companionOf: CompanionFinder | undefined;
  readonly checksumFile: CompiledChecksumFile | undefined;
}

export interface CompiledChecksumFile {
  readonly of: CompanionFinder;
  /** Could a checksum file have this name? One whose file is gone is no file of its own either. */
  readonly isName: (name: string) => boolean;
  readonly template: string;
  readonly graceMs: number;
}

/** The patterns and templates were checked when the definition was made. */
export function compileRules(source: SelectionSource): CompiledRules {
  const { include, exclude, selection = {}, checksumFile } = source;
  return {
    ...selection,
    included: include.map(namePattern),
    excluded: exclude.map(namePattern),
    companionOf: selection.doneFile && companionFinder(selection.doneFile.name),
    checksumFile: checksumFile && compileChecksumFile(checksumFile),
  };
}

function compileChecksumFile(rule: RequiredChecksumFile): CompiledChecksumFile {
  const { name: template } = rule;
  const isName = companionNameTester(template);
  return { of: companionFinder(template), isName, template, graceMs: checksumGraceMs(rule) };
}

/**
 * Why a name is not meant by the patterns; `undefined` if it is. Hidden names are included only by patterns that begin
 * with a dot; any pattern excludes them.
 */
export function whyNotMatched(name: string, { included, excluded }: CompiledRules): string | undefined {
  const isHidden = name.startsWith('.');
  if (!included.some(({ hidden, isMatch }) => (hidden || !isHidden) && isMatch(name)))
    return isHidden && included.some(({ isMatch }) => isMatch(name))
      ? 'its name is hidden, and no pattern that includes it begins with a dot'
      : `no pattern includes its name: ${included.map(({ text }) => text).join(' ')}`;
  const by = excluded.find(({ isMatch }) => isMatch(name));
  return by && `the pattern ${by.text} excludes its name`;
}

/**
 * What contradicts itself, or could never be met, with the member at fault; `undefined` if the rules may be used.
 * Numbers are whole and not negative.
 */
export function whyRulesRefused(
  rules: SelectionRules,
): { readonly member: string; readonly message: string } | undefined {
  const { minBytes = 0, maxBytes, minAgeMs = 0, maxAgeMs, expect, doneFile } = rules;
  if (maxBytes !== undefined && maxBytes < minBytes)
    return { member: 'maxBytes', message: `maxBytes ${maxBytes} is smaller than minBytes ${minBytes}` };
  if (maxAgeMs !== undefined && maxAgeMs < minAgeMs)
    return { member: 'maxAgeMs', message: `maxAgeMs ${maxAgeMs} is smaller than minAgeMs ${minAgeMs}` };
  if (expect?.max !== undefined && expect.max < (expect.min ?? 0))
    return { member: 'expect', message: `max ${expect.max} is smaller than min ${expect.min}` };
  const why = doneFile && whyCompanionNameRefused(doneFile.name, 'a done-file');
  return why === undefined ? undefined : { member: 'doneFile', message: why };
}
