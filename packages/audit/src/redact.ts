const MAX_LENGTH = 2000;

/** What looks like a secret inside of free text: our own keys, bearer tokens, passwords in URLs, private keys. */
const SECRETS: readonly [RegExp, string][] = [
  [/wb_[0-9A-Za-z]{8}_[\w-]+/g, 'wb_…'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 …'],
  [/(\w+:\/\/[^\s/:@]*):[^\s/@]+@/g, '$1:…@'],
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----|$)/g,
    '(a private key, left out)',
  ],
  [/\b(password|passphrase|secret|token|api[-_]?key)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&,;]+)/gi, '$1$2…'],
];

/**
 * Makes text from outside (messages of servers, paths of requests) fit for the log: what looks like a secret is
 * replaced, ill-formed Unicode mended, long text cut.
 */
export function redactText(text: string): string {
  const clean = SECRETS.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
  const cut = clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean;
  return cut.replace(/\p{Surrogate}|\0/gu, '\u{fffd}');
}
