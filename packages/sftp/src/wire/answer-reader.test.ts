import { StorageError } from '@waybill/storage';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AnswerReader, MAX_ANSWER_BYTES } from './answer-reader.js';
import { Answer, uint32 } from './messages.js';

/** Notes what it is given; every READ asked for `asked` bytes. */
function noting(asked: number | undefined = 100) {
  const data = new Map<number, Buffer[]>();
  const ended: number[] = [];
  const answers: { id: number; type: number; body: string }[] = [];
  const reader = new AnswerReader({
    asked: () => asked,
    piece: (id, bytes) => data.set(id, [...(data.get(id) ?? []), Buffer.from(bytes)]),
    dataEnded: (id) => ended.push(id),
    answer: (id, type, body) => answers.push({ id, type, body: body.toString('hex') }),
  });
  return { reader, data, ended, answers };
}

function message(type: number, id: number, body: Buffer): Buffer {
  return Buffer.concat([uint32(body.length + 5), Buffer.from([type]), uint32(id), body]);
}

const dataOf = (id: number, bytes: Buffer) =>
  message(Answer.data, id, Buffer.concat([uint32(bytes.length), bytes]));

const anyBytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
const anyMessage = fc.record({
  type: fc.constantFrom(Answer.status, Answer.handle, Answer.data, Answer.name, Answer.extendedReply),
  id: fc.nat(0xffff_ffff),
  body: anyBytes,
});

it('finds the same answers however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyMessage, { maxLength: 8, selector: ({ id }) => id }),
      fc.array(fc.nat(40)),
      (sent, cuts) => {
        const stream = Buffer.concat(
          sent.map(({ type, id, body }) =>
            type === Answer.data ? dataOf(id, body) : message(type, id, body),
          ),
        );
        const { reader, data, ended, answers } = noting();
        let at = 0;
        for (const cut of cuts) {
          reader.take(stream.subarray(at, at + cut));
          at += cut;
        }
        reader.take(stream.subarray(at));
        const isData = ({ type }: { type: number }) => type === Answer.data;
        expect(ended).toEqual(sent.filter(isData).map(({ id }) => id));
        for (const { id, body } of sent.filter(isData))
          expect(Buffer.concat(data.get(id) ?? []).equals(body)).toBe(true);
        expect(answers).toEqual(
          sent
            .filter((one) => !isData(one))
            .map(({ id, type, body }) => ({ id, type, body: body.toString('hex') })),
        );
      },
    ),
  );
});

it('whatever comes: is read or refused as a breach of the protocol', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (chunks) => {
      const { reader } = noting();
      try {
        for (const chunk of chunks) reader.take(Buffer.from(chunk));
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).code).toBe('protocol-error');
      }
    }),
    { numRuns: 1_000 },
  );
});

it.each([
  ['more data than was asked for', dataOf(1, Buffer.alloc(101)), /101 bytes came, 100 were asked for/],
  [
    'an answer too large to hold',
    message(Answer.name, 1, Buffer.alloc(MAX_ANSWER_BYTES + 1)),
    /at most 262144/,
  ],
  ['an answer without an id', Buffer.concat([uint32(2), Buffer.alloc(7, Answer.status)]), /at least 5/],
  [
    'data whose lengths differ',
    message(Answer.data, 1, Buffer.concat([uint32(3), Buffer.alloc(9)])),
    /18 bytes with 3/,
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => noting().reader.take(bytes)).toThrow(message);
});

it('refuses data that nobody asked for', () => {
  const { reader } = noting();
  const unasked = new AnswerReader({
    asked: () => undefined,
    piece: () => {},
    dataEnded: () => {},
    answer: () => {},
  });
  expect(() => unasked.take(dataOf(7, Buffer.alloc(3)))).toThrow(/data for request 7, which asked for none/);
  expect(() => reader.take(dataOf(7, Buffer.alloc(3)))).not.toThrow();
});
