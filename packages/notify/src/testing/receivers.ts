import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** What the next requests are answered with; `hang up`: with nothing. */
  answer: number | 'hang up';
}

/** A real HTTP server that keeps what it is sent. */
export async function startHttpReceiver(port = 0): Promise<HttpReceiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    received.push({ headers: request.headers, body });
    if (receiver.answer === 'hang up') return void request.socket.destroy();
    response.writeHead(receiver.answer, { location: '/elsewhere' }).end('a word that nobody reads');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const receiver: HttpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    answer: 204,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}

export interface MailReceiver extends AsyncDisposable {
  readonly url: string;
  /** Whole messages, as they came over the line. */
  readonly messages: string[];
  readonly recipients: string[];
}

/** A real mail server that keeps what it takes; it knows nobody named `nobody`. */
export async function startMailReceiver(): Promise<MailReceiver> {
  const messages: string[] = [];
  const recipients: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _session, callback) {
      if (address.startsWith('nobody@'))
        return callback(Object.assign(new Error('no such user'), { responseCode: 550 }));
      recipients.push(address);
      callback();
    },
    async onData(stream, _session, callback) {
      let message = '';
      for await (const chunk of stream) message += chunk.toString('utf8');
      messages.push(message);
      callback();
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    messages,
    recipients,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
