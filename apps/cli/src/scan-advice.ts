import type { EndpointCheck } from '@waybill/contract';

type ScanReport = Extract<NonNullable<EndpointCheck['report']>, { kind: 'host-key-scan' }>;

/** What to think of the keys that a scan saw, and what to type next. */
export function scanAdvice(endpoint: string, { offered, missing }: ScanReport): string[] {
  const trusted = offered.filter(({ state }) => state === 'active' || state === 'retiring');
  const revoked = offered.filter(({ state }) => state === 'revoked');
  const proposed = offered.filter(({ state }) => state === 'proposed');
  const lines: string[] = [];
  for (const { fingerprint } of revoked)
    lines.push(`Warning: the server offers ${fingerprint}, which was revoked here.`);
  if (trusted.length === 0 && missing.length > 0)
    lines.push(
      'Warning: the server offers none of the keys that are trusted: runs of this endpoint are held until one is. ' +
        'Ask the partner by another way whether the key was changed.',
    );
  if (trusted.length > 0) lines.push('The server offers a key that is trusted.');
  if (proposed.length > 0)
    lines.push(
      'Nothing was trusted: what an open line tells proves nothing. Once the partner has confirmed a fingerprint by another way:',
    );
  for (const { fingerprint } of proposed)
    lines.push(`  waybill endpoint trust ${endpoint} --fingerprint ${fingerprint}`);
  return lines;
}
