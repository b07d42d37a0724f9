import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inPieces, transform } from './testing/streams.js';

const texts = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'é')).map((parts) => parts.join(''));

it('makes CR LF and LF to the one that is asked for, and leaves a CR alone, wherever the pieces of the file end', async () => {
  const property = fc.asyncProperty(texts, fc.integer({ min: 1, max: 5 }), async (text, size) => {
    const run = async (to: 'lf' | 'crlf') =>
      (await transform([{ kind: 'line-ends', to }], inPieces(Buffer.from(text), size))).output.toString();
    expect(await run('lf')).toBe(text.replaceAll('\r\n', '\n'));
    expect(await run('crlf')).toBe(text.replaceAll(/\r?\n/g, '\r\n'));
  });
  await fc.assert(property, { numRuns: 100 });
});
