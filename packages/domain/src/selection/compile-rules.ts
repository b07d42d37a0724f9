import { type NameMacro, nameMacros, writeNameMacro } from '../naming/name-parts.js';
import { parseTemplate, type TemplatePart, TemplateRefused } from '../naming/template.js';
import {
  baseName,
  joinPath,
  PathRefused,
  parentOf,
  type RemotePath,
  whyNameRefused,
} from '../remote-path.js';
import { type NamePattern, namePattern } from './name-pattern.js';
import type { SelectionRules } from './rules.js';

/** Which files of a directory are meant: what a definition says of its source. */
export interface SelectionSource {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly selection?: SelectionRules | undefined;
}

/** The rules with their patterns ready to match. */
export interface CompiledRules extends SelectionRules {
  readonly included: readonly NamePattern[];
  readonly excluded: readonly NamePattern[];
  /** Where the done-file of a file lies; `undefined` if its name would be none. */
  readonly companionOf: ((path: RemotePath) => RemotePath | undefined) | undefined;
}

/** The patterns and templates were checked when the definition was made. */
export function compileRules({ include, exclude, selection = {} }: SelectionSource): CompiledRules {
  return {
    ...selection,
    included: include.map(namePattern),
    excluded: exclude.map(namePattern),
    companionOf: selection.doneFile && companionFinder(selection.doneFile.name),
  };
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
  const why = doneFile && whyDoneFileRefused(doneFile.name);
  return why === undefined ? undefined : { member: 'doneFile', message: why };
}

function whyDoneFileRefused(template: string): string | undefined {
  try {
    const parts = parseTemplate(template);
    if (!parts.every((part) => part.kind === 'text' || isNameMacro(part)))
      return 'the name of a done-file is made of {name}, {stem}, {ext} and {.ext} alone';
    if (!parts.some(({ kind }) => kind === 'name' || kind === 'stem'))
      return 'the name of a done-file has to hold {name} or {stem}, to say whose it is';
  } catch (error) {
    if (error instanceof TemplateRefused) return error.message;
    throw error;
  }
  if (template.includes('/')) return 'a done-file lies beside its file: the template may hold no "/"';
  return undefined;
}

/** Where the done-file of a file lies, by the template of its name; `undefined` if its name would be none. */
export function companionFinder(template: string): (path: RemotePath) => RemotePath | undefined {
  const parts = parseTemplate(template);
  return (path) => {
    const own = baseName(path);
    const written = parts.map((part) => {
      if (part.kind === 'text') return part.text;
      return isNameMacro(part) ? writeNameMacro(part, own) : '';
    });
    const name = written.join('');
    return name === own || whyNameRefused(name) ? undefined : pathBeside(path, name);
  };
}

/** `undefined` where the path would be too long. */
function pathBeside(path: RemotePath, name: string): RemotePath | undefined {
  try {
    return joinPath(parentOf(path), name);
  } catch (error) {
    if (error instanceof PathRefused) return undefined;
    throw error;
  }
}

function isNameMacro(part: TemplatePart): part is NameMacro {
  return nameMacros.some((kind) => kind === part.kind);
}
