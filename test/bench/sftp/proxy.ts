// A delaying proxy in a process of its own: it must not share the event loop of what is measured. Ends with its parent.
import { startTcpProxy } from '@waybill/testkit/tcp-proxy';

const [port, delayMs] = process.argv.slice(2).map(Number);
const proxy = await startTcpProxy({
  target: { host: '127.0.0.1', port: port as number },
  delayMs: delayMs as number,
});
process.once('disconnect', () => void proxy.close());
process.send?.(proxy.port);
