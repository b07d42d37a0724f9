import { fileURLToPath } from 'node:url';
import { inNewDirectory, startServerProcess } from './server-process.js';

/** A real S3 server with one account. It has no bucket yet. */
export interface S3Server {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  log(): string;
  /** Ends the process and removes its directory. */
  stop(): Promise<void>;
}

const ACCESS_KEY_ID = 'partner:waybill';
const SECRET_ACCESS_KEY = 'secret-of-tests';

/**
 * Starts OpenStack Swift with its S3 API, as root and as an ordinary user. It verifies signatures and the SHA-256 of
 * every body, and makes objects of parts; conditional writes it refuses (HTTP 501). The directory for temporary files
 * has to be on a file system with extended attributes.
 */
export async function startSwift(): Promise<S3Server> {
  return inNewDirectory('waybill-swift-', async (directory, remove) => {
    const server = await startServerProcess({
      program: '/usr/bin/python3',
      debianPackage: 'python3-swift',
      args: (port) => [
        fileURLToPath(new URL('./swift-server.py', import.meta.url)),
        ...[directory, String(port), ACCESS_KEY_ID, SECRET_ACCESS_KEY],
      ],
    });
    return {
      host: '127.0.0.1',
      port: server.port,
      url: `http://127.0.0.1:${server.port}`,
      region: 'us-east-1',
      accessKeyId: ACCESS_KEY_ID,
      secretAccessKey: SECRET_ACCESS_KEY,
      log: server.log,
      stop: async () => {
        await server.stop();
        await remove();
      },
    };
  });
}
