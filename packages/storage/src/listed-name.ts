import { joinPath, PathRefused, type RemotePath, whyNameRefused } from '@waybill/domain';

/** Why a name out of a listing of `directory` can't be used, for an entry that is `refused`; `undefined` if it can. */
export function whyListedNameRefused(directory: RemotePath, name: string): string | undefined {
  const reason = whyNameRefused(name);
  if (reason !== undefined) return reason;
  try {
    joinPath(directory, name);
    return undefined;
  } catch (error) {
    if (error instanceof PathRefused) return error.message;
    throw error;
  }
}
