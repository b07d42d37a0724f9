/** A name is `stem + dotExtension`; the extension is what follows the last dot, and never the whole of a hidden name. */
export interface NameParts {
  readonly stem: string;
  /** Without its dot; empty if there is none. */
  readonly extension: string;
  /** With its dot; empty if there is none. */
  readonly dotExtension: string;
}

export function nameParts(name: string): NameParts {
  const dot = name.lastIndexOf('.');
  if (dot < 1 || dot === name.length - 1) return { stem: name, extension: '', dotExtension: '' };
  return { stem: name.slice(0, dot), extension: name.slice(dot + 1), dotExtension: name.slice(dot) };
}

export const nameMacros = ['name', 'stem', 'ext', '.ext'] as const;

/** A macro that writes a part of the file's own name. */
export interface NameMacro {
  readonly kind: (typeof nameMacros)[number];
  readonly letters: 'as they are' | 'upper' | 'lower';
}

export function writeNameMacro({ kind, letters }: NameMacro, name: string): string {
  const { stem, extension, dotExtension } = nameParts(name);
  const text = { name, stem, ext: extension, '.ext': dotExtension }[kind];
  if (letters === 'as they are') return text;
  return letters === 'upper' ? text.toUpperCase() : text.toLowerCase();
}
