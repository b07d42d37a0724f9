import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  baseName,
  joinPath,
  PathRefused,
  parentOf,
  parsePath,
  printableName,
  rootPath,
  whyNameRefused,
} from './remote-path.js';

/** Text made mostly of what paths go wrong with. */
const nasty = fc.string({
  unit: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom('/', '.', '..', 'a', '\0', '\n', '\x7f', '\u0085', '\ud800', '\\'),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  ),
});
const anyText = fc.oneof(nasty, fc.string({ unit: 'binary' }), fc.string());
const safeName = anyText.filter((text) => whyNameRefused(text) === undefined);
const safePath = fc.array(safeName, { maxLength: 5 }).map((names) => parsePath(names.join('/')));

function parsed(text: string): string | undefined {
  try {
    return parsePath(text);
  } catch (error) {
    expect(error).toBeInstanceOf(PathRefused);
    return undefined;
  }
}

describe('a path, whatever text it is read from', () => {
  it('is refused or stays below the root, one safe name after another', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const path = parsed(text);
        if (path === undefined || path === '') return;
        expect(path.split('/').map(whyNameRefused)).toEqual(path.split('/').map(() => undefined));
      }),
    );
  });

  it('reads as itself once it is read', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const path = parsed(text);
        if (path !== undefined) expect(parsePath(path)).toBe(path);
      }),
    );
  });

  it('does not care for leading, trailing and doubled slashes', () => {
    fc.assert(
      fc.property(safePath, (path) => void expect(parsePath(`//${path.replaceAll('/', '//')}/`)).toBe(path)),
    );
  });

  it.each(['..', 'a/../b', '../../etc/passwd', 'a\0b', 'a\nb', 'a/\x7f', '\ud800'])(
    'is refused: %j',
    (text) => {
      expect(() => parsePath(text)).toThrow(PathRefused);
    },
  );

  it('is bounded, in bytes', () => {
    const name = 'ü'.repeat(127);
    expect(parsePath(Array(16).fill(name).join('/'))).toHaveLength(16 * 128 - 1);
    expect(() => parsePath(Array(17).fill(name).join('/'))).toThrow(/longer than 4096 bytes/);
    expect(() => parsePath(`${name}üü`)).toThrow(/longer than 255 bytes/);
  });
});

describe('joining', () => {
  it('is undone by taking the parent and the name', () => {
    fc.assert(
      fc.property(safePath, safeName, (directory, name) => {
        const path = joinPath(directory, name);
        expect(parentOf(path)).toBe(directory);
        expect(baseName(path)).toBe(name);
        expect(parsePath(path)).toBe(path);
      }),
    );
  });

  it('refuses exactly the names that have a reason against them', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const joining = () => joinPath(rootPath, name);
        if (whyNameRefused(name) === undefined) expect(joining()).toBe(name);
        else expect(joining).toThrow(PathRefused);
      }),
    );
  });

  it('makes no path that is longer than one that can be read', () => {
    const directory = parsePath(Array(15).fill('x'.repeat(255)).join('/'));
    expect(() => joinPath(joinPath(directory, 'y'.repeat(255)), 'z')).toThrow(/longer than 4096 bytes/);
  });
});

describe('a name', () => {
  it.each(['', '.', '..', 'a/b', '\0', 'a\tb', 'a\u0085b', '\udc00x', 'x'.repeat(256)])(
    'is refused: %j',
    (name) => {
      expect(whyNameRefused(name)).toEqual(expect.any(String));
    },
  );

  it.each([' ', '...', '-rf', 'C:\\a', '*?', 'ü'.repeat(127), '📦', 'x'.repeat(255)])(
    'is safe: %j',
    (name) => {
      expect(whyNameRefused(name)).toBeUndefined();
    },
  );
});

describe('a printable name', () => {
  it('holds nothing that moves the cursor, hides or turns around text', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        expect(printableName(name)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
      }),
    );
  });

  it('is bounded, and says how long the name is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 201, maxLength: 5000 }), (name) => {
        expect(printableName(name).length).toBeLessThan(250);
        expect(printableName(name)).toContain(`${name.length} characters`);
      }),
    );
  });

  it('is the name itself where it is harmless', () => {
    expect(printableName('Überweisung 📦.csv')).toBe('Überweisung 📦.csv');
    expect(printableName('a\r\n\tb\x1b[31m\u202e')).toBe('a\\r\\n\\tb\\u001b[31m\\u202e');
    expect(printableName('\u{e0041}')).toBe('\\u{e0041}');
  });

  it('is not cut in the middle of a character', () => {
    expect(printableName(`${'a'.repeat(199)}📦b`)).not.toMatch(/\p{Cs}/u);
  });
});
