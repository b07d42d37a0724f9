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

/** Finds the file that belongs to another one; `undefined` if its name would be none. */
export type CompanionFinder = (path: RemotePath) => RemotePath | undefined;

/**
 * @param template of the companion's name
 * @param directory where it lies; left out: beside the other one
 */
export function companionFinder(template: string, directory?: RemotePath): CompanionFinder {
  const parts = parseTemplate(template);
  return (path) => {
    const own = baseName(path);
    const written = parts.map((part) => {
      if (part.kind === 'text') return part.text;
      return isNameMacro(part) ? writeNameMacro(part, own) : '';
    });
    const name = written.join('');
    const found = whyNameRefused(name) ? undefined : pathIn(directory ?? parentOf(path), name);
    return found === path ? undefined : found;
  };
}

/** Why the template is refused for files beside others; `undefined` if it may be used. @param what such as `a done-file` */
export function whyCompanionNameRefused(template: string, what: string): string | undefined {
  try {
    const parts = parseTemplate(template);
    if (!parts.every((part) => part.kind === 'text' || isNameMacro(part)))
      return `the name of ${what} is made of {name}, {stem}, {ext} and {.ext} alone`;
    if (!parts.some(({ kind }) => kind === 'name' || kind === 'stem'))
      return `the name of ${what} has to hold {name} or {stem}, to say whose it is`;
  } catch (error) {
    if (error instanceof TemplateRefused) return error.message;
    throw error;
  }
  if (template.includes('/')) return `${what} lies beside its file: the template may hold no "/"`;
  return undefined;
}

/** Do two files never share a companion of this name? */
export function isUnshared(template: string): boolean {
  const whole = parseTemplate(template).filter((part) => isNameMacro(part) && part.letters === 'as they are');
  const has = (kind: NameMacro['kind']) => whole.some((part) => part.kind === kind);
  return has('name') || (has('stem') && (has('ext') || has('.ext')));
}

/** Is a part of the template the same for all files? */
export function hasFixedText(template: string): boolean {
  return parseTemplate(template).some(({ kind }) => kind === 'text');
}

/** Tells names that the template can make of some name. No expression: these can be made slow by a name. */
export function companionNameTester(template: string): (name: string) => boolean {
  const texts = parseTemplate(template).map((part) => (part.kind === 'text' ? part.text : undefined));
  const [head = ''] = texts;
  const tail = texts.at(-1) ?? '';
  const inner = texts.slice(1, -1).filter((text) => text !== undefined);
  return (name) => {
    if (!name.startsWith(head) || !name.endsWith(tail)) return false;
    let rest = name.slice(head.length, Math.max(head.length, name.length - tail.length));
    if (rest === '') return false;
    for (const text of inner) {
      const at = rest.indexOf(text);
      if (at < 0) return false;
      rest = rest.slice(at + text.length);
    }
    return true;
  };
}

/** `undefined` where the path would be too long. */
function pathIn(directory: RemotePath, name: string): RemotePath | undefined {
  try {
    return joinPath(directory, name);
  } catch (error) {
    if (error instanceof PathRefused) return undefined;
    throw error;
  }
}

function isNameMacro(part: TemplatePart): part is NameMacro {
  return nameMacros.some((kind) => kind === part.kind);
}
