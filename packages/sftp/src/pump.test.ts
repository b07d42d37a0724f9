import { expect, it } from 'vitest';
import { pipelinedRead } from './pipelined-read.js';
import { pipelinedWrite } from './pipelined-write.js';
import { WriteLanes } from './write-lanes.js';

const { signal } = new AbortController();
const handle = Buffer.from('handle');
const abilities = {
  posixRename: true,
  fsync: true,
  statvfs: true,
  quirks: { emptiesOnOpen: false, removesDirectories: false },
  lanesWanted: 1,
  readBytes: 100,
  writeBytes: 100,
  outstandingReads: 8,
  outstandingWrites: 8,
};
const content = Buffer.from(Array.from({ length: 2_345 }, (_, i) => (i * 7 + (i >> 8)) % 256));

/** A server that answers each READ with at most `most` bytes, in an order of its own. */
function reading(file: () => Buffer, most = 100) {
  const requests: number[] = [];
  let outstanding = 0;
  let mostOutstanding = 0;
  return {
    abilities,
    busy: { reads: 0, writes: 0 },
    requests,
    get mostOutstanding() {
      return mostOutstanding;
    },
    read: async (_: Buffer, length: number, position: number) => {
      requests.push(position);
      mostOutstanding = Math.max(mostOutstanding, ++outstanding);
      await new Promise((resolve) => setTimeout(resolve, (position * 13) % 3));
      outstanding--;
      const bytes = file().subarray(position, position + Math.min(most, length));
      // In pieces, as the packets of a connection bring it.
      return [bytes.subarray(0, 30), bytes.subarray(30)].filter((piece) => piece.length > 0);
    },
  };
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it.each([100, 99, 37, 20])(
  'reads all bytes in order from a server that answers with %i at most',
  async (most) => {
    const server = reading(() => content, most);
    expect(await collect(pipelinedRead(server, { handle, path: 'a', start: 0, signal }))).toEqual(content);
    expect(server.mostOutstanding).toBeLessThanOrEqual(8);
  },
);

it('reads from where it is told to, with requests ahead', async () => {
  const server = reading(() => content);
  const read = await collect(pipelinedRead(server, { handle, path: 'a', start: 1_111, signal }));
  expect(read).toEqual(content.subarray(1_111));
  expect(server.mostOutstanding).toBe(8);
});

it('asks for no more ahead than it is told to, which may change on the way, but for one READ', async () => {
  const server = reading(() => content);
  let aheadBytes = 250;
  const plan = {
    handle,
    path: 'a',
    start: 0,
    expected: content.length,
    aheadBytes: () => aheadBytes,
    signal,
  };
  let bytes = 0;
  for await (const chunk of pipelinedRead(server, plan)) {
    bytes += chunk.length;
    if (bytes === 1_000) {
      expect(server.mostOutstanding).toBe(2);
      expect(Math.max(...server.requests)).toBeLessThanOrEqual(1_200);
      aheadBytes = 0;
    }
    if (bytes === 2_000) {
      expect(Math.max(...server.requests)).toBeLessThanOrEqual(2_000);
      aheadBytes = Number.POSITIVE_INFINITY;
    }
  }
  expect(bytes).toBe(content.length);
  expect(server.mostOutstanding).toBeGreaterThan(2);
});

it('asks little for a small file', async () => {
  const server = reading(() => content.subarray(0, 60));
  await collect(pipelinedRead(server, { handle, path: 'a', start: 0, signal }));
  expect(server.requests).toEqual([0, 100, 60]);
});

it('asks for a file of a known size and for its end at once, and reads what was added', async () => {
  const server = reading(() => content.subarray(0, 260));
  await collect(pipelinedRead(server, { handle, path: 'a', start: 0, expected: 260, signal }));
  expect(server.requests).toEqual([0, 100, 200, 260]);
  const grown = reading(() => content);
  const read = await collect(pipelinedRead(grown, { handle, path: 'a', start: 0, expected: 260, signal }));
  expect(read).toEqual(content);
});

it('ends when the file shrinks to less than what was read', async () => {
  let file = content;
  const read: Uint8Array[] = [];
  for await (const chunk of pipelinedRead(
    reading(() => file),
    { handle, path: 'a', start: 0, signal },
  )) {
    read.push(chunk);
    if (read.length === 2) file = content.subarray(0, 10);
  }
  expect(Buffer.concat(read)).toEqual(content.subarray(0, Buffer.concat(read).length));
});

/** A server that answers WRITEs in an order of its own, and refuses the one at `refused`. */
function writing(refused?: number) {
  const file = Buffer.alloc(content.length);
  const state = { file, outstanding: 0, mostOutstanding: 0, sizes: [] as number[] };
  return {
    abilities,
    busy: { reads: 0, writes: 0 },
    state,
    write: async (_: Buffer, bytes: Buffer, position: number) => {
      const copy = Buffer.from(bytes);
      state.sizes.push(copy.length);
      state.mostOutstanding = Math.max(state.mostOutstanding, ++state.outstanding);
      await new Promise((resolve) => setTimeout(resolve, (position * 13) % 7));
      state.outstanding--;
      if (position === refused) throw new Error(`refused at ${position}`);
      copy.copy(file, position);
    },
  };
}

function oneLane(session: ReturnType<typeof writing>): WriteLanes {
  return new WriteLanes({ session, handle, outstanding: 0 }, { path: 'a', signal });
}

async function* inChunks(size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

it.each([1, 33, 100, 101, 5_000])('writes whole blocks of a body in chunks of %i', async (size) => {
  const server = writing();
  const told: number[] = [];
  const onProgress = (bytes: number) => void told.push(bytes);
  const end = await pipelinedWrite(server, inChunks(size), {
    lanes: oneLane(server),
    path: 'a',
    start: 0,
    signal,
    onProgress,
  });
  expect(end).toBe(content.length);
  expect(server.state.file).toEqual(content);
  expect(server.state.sizes).toEqual([...Array.from({ length: 23 }, () => 100), 45]);
  expect(server.state.mostOutstanding).toBe(8);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told.at(-1)).toBe(content.length);
});

it('reports no progress beyond a WRITE that was refused, and throws once the others are answered', async () => {
  const server = writing(700);
  let prefix = 0;
  const onProgress = (bytes: number) => {
    prefix = bytes;
  };
  const lanes = oneLane(server);
  const writes = pipelinedWrite(server, inChunks(50), { lanes, path: 'a', start: 0, signal, onProgress });
  await expect(writes).rejects.toThrow('refused at 700');
  expect(prefix).toBe(700);
  expect(server.state.outstanding).toBe(0);
});

it('ends the body when a WRITE is refused', async () => {
  let ended = false;
  const body = (async function* () {
    try {
      for (;;) yield content;
    } finally {
      ended = true;
    }
  })();
  const server = writing(0);
  const writes = pipelinedWrite(server, body, { lanes: oneLane(server), path: 'a', start: 0, signal });
  await expect(writes).rejects.toThrow('refused');
  expect(ended).toBe(true);
});
