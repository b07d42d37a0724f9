/**
 * The command that prints the SHA-256 of a file, for a POSIX shell. The file is its standard input: so no name is taken
 * for an option, none is printed, and what is printed is always the same.
 * @param path holds no NUL
 * @param bytes from the start of the file on; all of it if left out
 */
export function hashCommand(path: string, bytes?: number): string {
  const input = `< ${quoted(path)}`;
  return bytes === undefined ? `sha256sum ${input}` : `head -c ${bytes} ${input} | sha256sum`;
}

/** As one word of a POSIX shell, whatever it holds: nothing within single quotes means anything but their end. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @returns the hash in hex; `undefined` if that is not all that was printed */
export function readHashOutput(output: string): string | undefined {
  return /^([0-9a-f]{64})(?: [ *]-)?\r?\n$/.exec(output)?.[1];
}
