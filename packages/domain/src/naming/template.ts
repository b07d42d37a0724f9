import { printableName } from '../remote-path.js';
import { type DateFormat, datePieces, type Shift, shiftUnits } from './date-macro.js';
import type { NameMacro } from './name-parts.js';

/** A template of names, read: texts and macros in turn. docs/naming.md has each macro. */
export type Template = readonly TemplatePart[];

export type TemplatePart = { readonly kind: 'text'; readonly text: string } | Macro;

export type Macro =
  | NameMacro
  | ({ readonly kind: 'date' | 'modified' } & DateFormat)
  /** Padded with zeros to `width` digits; longer numbers are not cut. */
  | { readonly kind: 'seq'; readonly width: number }
  | { readonly kind: 'runId' }
  /** `separator` stands for each slash. */
  | { readonly kind: 'source-dir'; readonly separator: string };

export class TemplateRefused extends Error {
  override readonly name = 'TemplateRefused';
  constructor(
    template: string,
    /** Of the character at fault, from 0. */
    readonly position: number,
    readonly why: string,
  ) {
    super(`template "${printableName(template)}" is refused at character ${position + 1}: ${why}`);
  }
}

/** A piece of the template and where it stands in it. */
interface Piece {
  readonly text: string;
  readonly at: number;
}

type Refuse = (at: number, why: string) => never;

const MAX_TEMPLATE_LENGTH = 500;
const MAX_SHIFT = 999;

/** @throws TemplateRefused with the position of what can't be read */
export function parseTemplate(template: string): Template {
  const refuse: Refuse = (at, why) => {
    throw new TemplateRefused(template, at, why);
  };
  if (template === '') refuse(0, 'it is empty');
  if (template.length > MAX_TEMPLATE_LENGTH)
    refuse(MAX_TEMPLATE_LENGTH, `it is longer than ${MAX_TEMPLATE_LENGTH} characters`);
  const control = /\p{Cc}/u.exec(template);
  if (control) refuse(control.index, 'it holds a control character');
  const parts: TemplatePart[] = [];
  let text = '';
  for (let at = 0; at < template.length; at++) {
    const character = template[at] ?? '';
    const doubled = character === template[at + 1];
    if (character === '}' && !doubled)
      refuse(at, 'a "}" without its "{"; write "}}" for the character itself');
    if (character !== '{' || doubled) {
      text += character;
      if (doubled && /[{}]/.test(character)) at++;
      continue;
    }
    const end = template.indexOf('}', at);
    if (end < 0) refuse(at, 'a "{" without its "}"; write "{{" for the character itself');
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
    parts.push(macroOf({ text: template.slice(at + 1, end), at: at + 1 }, refuse));
    at = end;
  }
  if (text !== '') parts.push({ kind: 'text', text });
  refuseDirectories(template, refuse);
  return parts;
}

/** Why a template is refused; `undefined` if it may be used. */
export function whyTemplateRefused(template: string): string | undefined {
  try {
    parseTemplate(template);
    return undefined;
  } catch (error) {
    if (error instanceof TemplateRefused) return error.message;
    throw error;
  }
}

/** What is certain to be refused as a path for every file. The path rules have the last word on each result. */
function refuseDirectories(template: string, refuse: Refuse): void {
  if (template.endsWith('/'))
    refuse(template.length - 1, 'it ends with a "/": the name of the file is missing');
  const dots = /(^|\/)\.{1,2}(\/|$)/.exec(template);
  if (dots) refuse(dots.index, '"." and ".." are no directories of a target');
}

function macroOf(body: Piece, refuse: Refuse): Macro {
  const [head = body, ...options] = split(body, ',');
  const colon = head.text.indexOf(':');
  const word = colon < 0 ? head.text : head.text.slice(0, colon);
  const argument = colon < 0 ? undefined : { text: head.text.slice(colon + 1), at: head.at + colon + 1 };
  switch (word) {
    case 'name':
    case 'stem':
    case 'ext':
    case '.ext':
      if (argument) refuse(argument.at, `{${word}} takes nothing after a ":"`);
      return { kind: word, letters: lettersOf(options, refuse) };
    case 'date':
    case 'modified':
      return { kind: word, ...dateOf(word, argument ?? { text: '', at: head.at }, options, refuse) };
    case 'seq':
      none(word, options, refuse);
      return { kind: 'seq', width: widthOf(argument, refuse) };
    case 'runId':
      if (argument) refuse(argument.at, '{runId} takes nothing after a ":"');
      none(word, options, refuse);
      return { kind: 'runId' };
    case 'source-dir':
      none(word, options, refuse);
      return { kind: 'source-dir', separator: separatorOf(argument, refuse) };
    default:
      return refuse(
        head.at,
        `there is no macro {${printableName(word)}}; there are name, stem, ext, .ext, date, modified, seq, runId, source-dir`,
      );
  }
}

function split({ text, at }: Piece, separator: string): Piece[] {
  const pieces: Piece[] = [];
  let start = at;
  for (const piece of text.split(separator)) {
    const spaces = piece.length - piece.trimStart().length;
    pieces.push({ text: piece.trim(), at: start + spaces });
    start += piece.length + separator.length;
  }
  return pieces;
}

function none(word: string, [option]: readonly Piece[], refuse: Refuse): void {
  if (option) refuse(option.at, `{${word}} takes no options`);
}

function lettersOf(options: readonly Piece[], refuse: Refuse): NameMacro['letters'] {
  const [option, another] = options;
  if (another) refuse(another.at, 'one of "upper" and "lower" is enough');
  if (!option) return 'as they are';
  if (option.text === 'upper' || option.text === 'lower') return option.text;
  return refuse(option.at, `"${option.text}" is neither "upper" nor "lower"`);
}

function dateOf(word: string, format: Piece, options: readonly Piece[], refuse: Refuse): DateFormat {
  if (format.text === '') refuse(format.at, `say how to write it: {${word}:yyyyMMdd, zone=Europe/Berlin}`);
  const pieces = datePieces(format.text);
  if (typeof pieces === 'number')
    return refuse(
      format.at + pieces,
      `"${format.text[pieces]}" begins no field; the fields are yyyy yy MM dd DDD HH mm ss SSS, between them - _ . or a space`,
    );
  let zone: string | undefined;
  const shifts: Shift[] = [];
  for (const option of options) {
    if (option.text.startsWith('zone=')) {
      if (zone !== undefined) refuse(option.at, 'a second time zone');
      zone = zoneOf(option, refuse);
    } else shifts.push(shiftOf(option, refuse));
  }
  if (zone === undefined)
    return refuse(
      format.at,
      `say in which time zone: {${word}:${format.text}, zone=UTC}, zone=Europe/Berlin, …`,
    );
  return { pieces, zone, shifts };
}

function zoneOf({ text, at }: Piece, refuse: Refuse): string {
  const zone = text.slice('zone='.length);
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    return refuse(at, `"${zone}" is not an IANA time zone such as Europe/Berlin`);
  }
}

function shiftOf({ text, at }: Piece, refuse: Refuse): Shift {
  const found = /^([+-]) ?(\d{1,9}) ([a-z ]+?)s?$/.exec(text);
  const unit = shiftUnits.find((known) => known === found?.[3]);
  if (!found || !unit)
    return refuse(
      at,
      `"${text}" is neither zone=… nor like "+1 day", "-2 weeks", "+1 month", "-3 hours", "+1 business day"`,
    );
  const count = Number(found[2]);
  if (count > MAX_SHIFT) refuse(at, `${count} is more than ${MAX_SHIFT}`);
  return { count: found[1] === '-' ? -count : count, unit };
}

function widthOf(argument: Piece | undefined, refuse: Refuse): number {
  if (!argument) return 1;
  if (!/^[1-9]$/.test(argument.text))
    refuse(argument.at, `"${argument.text}" is not a width of 1 to 9 digits`);
  return Number(argument.text);
}

function separatorOf(argument: Piece | undefined, refuse: Refuse): string {
  if (!argument) return '/';
  if (!/^[^/\\{},:]{1,3}$/u.test(argument.text))
    refuse(
      argument.at,
      `"${argument.text}" can't stand for the slashes: write 1 to 3 characters such as "_"`,
    );
  return argument.text;
}
