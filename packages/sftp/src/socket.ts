import { connect, type Socket } from 'node:net';

/** Bytes that one call to the system may bring. Node by itself takes 64 KiB, into a new block each time. */
const READ_BYTES = 256 * 1024;

/**
 * A socket for ssh2, which by itself leaves Nagle's algorithm on (small packets then wait for the acknowledgement of the
 * last one: 2 MiB/s instead of hundreds), and does not destroy a socket whose end it has already announced.
 *
 * Once `reuseBuffer` was called, the bytes of a `data` event are good only until its listeners return.
 */
export function connectSocket({ host, port }: { readonly host: string; readonly port: number }): {
  readonly socket: Socket;
  readonly reuseBuffer: () => void;
} {
  let reused = false;
  const socket: Socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (length, buffer) => {
        const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
        socket.emit('data', reused ? bytes : Buffer.from(bytes));
        return true;
      },
    },
  });
  return {
    socket,
    reuseBuffer: () => {
      reused = true;
    },
  };
}
