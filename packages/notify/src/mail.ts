import { createTransport } from 'nodemailer';
import { NotifyError } from './notify-error.js';

export interface MailSettings {
  /** `smtp://user:password@host:587`, or `smtps://…`; `smtp` turns to TLS where the server offers it. */
  readonly smtpUrl: string;
  /** Such as `Waybill <waybill@example.com>`. */
  readonly from: string;
}

export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** The same in all tries: mail programs show a repetition once. */
  readonly id: string;
}

export interface Mailer {
  /** Resolves once the mail server has taken the message for all of its recipients. @throws NotifyError */
  send(mail: Mail): Promise<void>;
}

const TIMEOUT_MS = 15_000;

export function createMailer({ smtpUrl, from }: MailSettings): Mailer {
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    // Names of files and messages of servers are in the text: nothing of it may become a path or an address to fetch.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const host = new URL(smtpUrl).host;
  return {
    async send({ to, subject, text, id }) {
      const sent = await transport
        .sendMail({ from, to: [...to], subject, text, messageId: `<${id}@waybill>`, headers })
        .catch((cause: Error & { responseCode?: number }) => {
          const { responseCode: status } = cause;
          const permanent = status !== undefined && status >= 500;
          throw new NotifyError(`the mail server ${host} did not take the message: ${cause.message}`, {
            cause,
            permanent,
            ...(status !== undefined && { status }),
          });
        });
      const refused = sent.rejected.map(String);
      if (refused.length > 0)
        throw new NotifyError(
          `the mail server ${host} refused ${refused.join(', ')}; others have the message`,
          {
            permanent: true,
          },
        );
    },
  };
}

/** RFC 3834: nobody's absence is to be answered to a machine. */
const headers = { 'Auto-Submitted': 'auto-generated' };
