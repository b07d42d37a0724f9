/** Why a message was not taken. `message` says what, where and what to do; it holds no secret. */
export class NotifyError extends Error {
  override readonly name = 'NotifyError';
  /** Trying again changes nothing before somebody changed something. */
  readonly permanent: boolean;
  /** What an HTTP receiver answered, where it did. */
  readonly status: number | undefined;

  constructor(
    message: string,
    options: ErrorOptions & { readonly permanent?: boolean; readonly status?: number } = {},
  ) {
    super(message, options);
    this.permanent = options.permanent ?? false;
    this.status = options.status;
  }
}
