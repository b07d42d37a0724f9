import ssh2, { type Attributes, type FileEntry } from 'ssh2';

const { STATUS_CODE } = ssh2.utils.sftp;

/** What a client sends, of SFTP version 3; `path` as the client wrote it. Requests by handle bear the path that it was opened by. */
export type SftpRequest =
  | {
      readonly kind: 'open';
      readonly path: string;
      /** As in SSH_FXP_OPEN. */
      readonly flags: number;
      readonly attributes: Partial<Attributes>;
    }
  | { readonly kind: 'close'; readonly path: string; readonly handle: Buffer }
  | {
      readonly kind: 'read';
      readonly path: string;
      readonly handle: Buffer;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly handle: Buffer;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string; readonly replace: boolean }
  | { readonly kind: 'opendir' | 'rmdir' | 'remove'; readonly path: string }
  | { readonly kind: 'stat' | 'lstat' | 'realpath' | 'readlink'; readonly path: string }
  | { readonly kind: 'readdir' | 'fstat' | 'fsync'; readonly path: string; readonly handle: Buffer }
  | { readonly kind: 'mkdir' | 'setstat'; readonly path: string; readonly attributes: Partial<Attributes> }
  | {
      readonly kind: 'fsetstat';
      readonly path: string;
      readonly handle: Buffer;
      readonly attributes: Partial<Attributes>;
    }
  | { readonly kind: 'unsupported'; readonly path: string; readonly name: string };

/** What it is answered with. */
export type SftpAnswer =
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  | { readonly kind: 'handle'; readonly handle: Buffer }
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'names'; readonly entries: readonly FileEntry[] }
  | { readonly kind: 'attributes'; readonly attributes: Attributes }
  /** Never answered. */
  | { readonly kind: 'silence' };

export type Serve = (request: SftpRequest) => Promise<SftpAnswer>;

export const ok: SftpAnswer = { kind: 'status', status: STATUS_CODE.OK, message: 'Success' };
export const silence: SftpAnswer = { kind: 'silence' };

/** A refusal, with the words that OpenSSH uses. */
export function refusal(
  status: 'FAILURE' | 'PERMISSION_DENIED' | 'NO_SUCH_FILE' | 'OP_UNSUPPORTED' | 'EOF',
): SftpAnswer & { kind: 'status' } {
  return { kind: 'status', status: STATUS_CODE[status], message: words[status] };
}

const words = {
  FAILURE: 'Failure',
  PERMISSION_DENIED: 'Permission denied',
  NO_SUCH_FILE: 'No such file',
  OP_UNSUPPORTED: 'Operation unsupported',
  EOF: 'End of file',
};

export function succeeded(answer: SftpAnswer): boolean {
  return answer.kind !== 'status' || answer.status === STATUS_CODE.OK;
}

/** The answer after the last one: of a file or of a listing. */
export function isEnd(answer: SftpAnswer): boolean {
  return answer.kind === 'status' && answer.status === STATUS_CODE.EOF;
}
