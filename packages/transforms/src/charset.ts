import { isUnicode, type TransformSpec } from '@waybill/domain';
import { type Decoded, type Decoder, openDecoder } from './charset-decoders.js';
import { openEncoder } from './charset-encoders.js';
import type { Transform } from './transform.js';
import { TransformError } from './transform-error.js';

const MARK = '\ufeff';

/** A byte order mark at the start of Unicode is taken off; one is written only if `spec` says so. */
export function charset(spec: TransformSpec & { kind: 'charset' }): Transform {
  const lineEnd = spec.ebcdicLineEnd ?? 'nl';
  const strict = spec.onUnmappable !== 'replace';
  return async function* (input) {
    const encode = openEncoder(spec.to, lineEnd);
    if (spec.byteOrderMark) yield encode(MARK).bytes;
    for await (const { text, start, decoder } of texts(
      input,
      openDecoder(spec.from, lineEnd),
      spec,
      strict,
    )) {
      const { bytes, unmappableAt } = encode(text);
      if (unmappableAt !== undefined && strict) throw unmappable(spec, text, unmappableAt, start, decoder);
      if (bytes.length > 0) yield bytes;
    }
  };
}

interface Piece {
  readonly text: string;
  /** The byte of the input that it starts at. */
  readonly start: number;
  readonly decoder: Decoder;
}

async function* texts(
  input: AsyncIterable<Uint8Array>,
  decoder: Decoder,
  spec: TransformSpec & { kind: 'charset' },
  strict: boolean,
): AsyncGenerator<Piece> {
  let position = 0;
  const piece = ({ text, bytes, invalidAt }: Decoded): Piece => {
    if (invalidAt !== undefined && strict) throw invalid(spec, position + invalidAt);
    const marked = position === 0 && isUnicode(spec.from) && text.startsWith(MARK);
    const start = marked ? decoder.bytesOf(MARK) : position;
    position += bytes;
    return { text: marked ? text.slice(1) : text, start, decoder };
  };
  for await (const chunk of input)
    yield piece(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
  yield piece(decoder.end());
}

function invalid(spec: TransformSpec & { kind: 'charset' }, position: number): TransformError {
  return new TransformError(
    'bad-character',
    `byte ${position} is not valid ${spec.from}; correct the character set "from", or let it be replaced ` +
      '("onUnmappable": "replace")',
  );
}

function unmappable(
  spec: TransformSpec & { kind: 'charset' },
  text: string,
  index: number,
  start: number,
  decoder: Decoder,
): TransformError {
  const code = (text.codePointAt(index) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const position = start + decoder.bytesOf(text.slice(0, index));
  return new TransformError(
    'bad-character',
    `the character U+${code} at byte ${position} has no place in ${spec.to}; choose another set "to", or let it be ` +
      'replaced ("onUnmappable": "replace")',
  );
}
