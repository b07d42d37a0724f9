type Token = '*' | ((character: string) => boolean);

/**
 * Matches one name against a glob pattern: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and `\` before a character that is
 * meant as it is. Takes at most as many steps as name and pattern are long, multiplied, whatever a hostile name looks
 * like: in regular expressions made of globs, four stars and 255 underscores already take seconds.
 */
export function globMatcher(pattern: string): (name: string) => boolean {
  const alternatives = expandBraces(pattern).map(tokensOf);
  return (name) => {
    const characters = [...name];
    return alternatives.some((tokens) => matches(tokens, characters));
  };
}

/** On a mismatch only the last star is tried with one character more: those before it have nothing to gain. */
function matches(tokens: readonly Token[], name: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let star: { readonly token: number; at: number } | undefined;
  while (at < name.length) {
    const expected = tokens[token];
    if (expected === '*') {
      star = { token, at };
      token++;
    } else if (expected?.(name[at] ?? '')) {
      at++;
      token++;
    } else if (star) {
      star.at++;
      at = star.at;
      token = star.token + 1;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === '*');
}

/** `a{b,c}d` → `abd`, `acd`. Braces without a comma, or without an end, mean themselves. */
function expandBraces(pattern: string): string[] {
  for (let open = 0; open < pattern.length; open++) {
    if (pattern[open] === '\\') open++;
    else if (pattern[open] === '{') {
      const group = braceGroup(pattern, open);
      if (group) {
        const before = pattern.slice(0, open);
        const after = pattern.slice(group.end + 1);
        return group.parts.flatMap((part) => expandBraces(before + part + after));
      }
    }
  }
  return [pattern];
}

function braceGroup(pattern: string, open: number): { parts: string[]; end: number } | undefined {
  const parts = [''];
  let depth = 0;
  for (let at = open + 1; at < pattern.length; at++) {
    let piece = pattern[at] ?? '';
    if (piece === '\\') piece += pattern[++at] ?? '';
    if (piece === '}' && depth === 0) return parts.length > 1 ? { parts, end: at } : undefined;
    if (piece === '{') depth++;
    if (piece === '}') depth--;
    if (piece === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return undefined;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    const end = character === '[' ? classEnd(characters, at) : -1;
    if (character === '*') tokens.push('*');
    else if (character === '?') tokens.push(() => true);
    else if (end > 0) {
      tokens.push(classToken(characters.slice(at + 1, end)));
      at = end;
    } else {
      const literal = character === '\\' ? (characters[++at] ?? '\\') : character;
      tokens.push((found) => found === literal);
    }
  }
  return tokens;
}

/** A `]` right after `[`, `[!` or `[^` is one of the characters of the class. */
function classEnd(characters: readonly string[], open: number): number {
  const negated = ['!', '^'].includes(characters[open + 1] ?? '');
  return characters.indexOf(']', open + (negated ? 3 : 2));
}

function classToken(inside: readonly string[]): Token {
  const negated = inside[0] === '!' || inside[0] === '^';
  const members = negated ? inside.slice(1) : inside;
  const isIn = (found: string) =>
    members.some((member, i) => {
      const last = members[i + 2];
      if (members[i + 1] === '-' && last !== undefined) return member <= found && found <= last;
      return member === found;
    });
  return (found) => isIn(found) !== negated;
}
