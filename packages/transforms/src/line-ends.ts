import type { Transform } from './transform.js';

const LF = 0x0a;
const CR = 0x0d;

/**
 * CR LF and LF are line ends; a CR alone is a character like others. For every character set in which the bytes 0x0a
 * and 0x0d mean these two and nothing else: all but UTF-16 and EBCDIC.
 */
export function lineEnds(to: 'lf' | 'crlf'): Transform {
  return to === 'lf' ? toLf : toCrlf;
}

async function* toLf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = false;
  for await (const chunk of input) {
    const bytes: Buffer = held ? Buffer.concat([Buffer.of(CR), chunk]) : bufferOf(chunk);
    held = bytes.at(-1) === CR;
    const output = withoutCr(held ? bytes.subarray(0, -1) : bytes);
    if (output.length > 0) yield output;
  }
  if (held) yield Buffer.of(CR);
}

function withoutCr(bytes: Buffer): Buffer {
  const output = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let from = 0;
  for (let at = bytes.indexOf('\r\n'); at >= 0; at = bytes.indexOf('\r\n', from)) {
    length += bytes.copy(output, length, from, at);
    from = at + 1;
  }
  length += bytes.copy(output, length, from);
  return output.subarray(0, length);
}

async function* toCrlf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let afterCr = false;
  for await (const chunk of input) {
    if (chunk.length === 0) continue;
    yield withCr(bufferOf(chunk), afterCr);
    afterCr = chunk.at(-1) === CR;
  }
}

function withCr(bytes: Buffer, afterCr: boolean): Buffer {
  const output = Buffer.allocUnsafe(bytes.length * 2);
  let length = 0;
  let from = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    length += bytes.copy(output, length, from, at);
    const hasCr = at === 0 ? afterCr : bytes[at - 1] === CR;
    if (!hasCr) output[length++] = CR;
    from = at;
  }
  length += bytes.copy(output, length, from);
  return output.subarray(0, length);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
