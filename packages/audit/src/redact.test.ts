import { expect, it } from 'vitest';
import { redactText } from './redact.js';

it.each([
  ['key wb_01234567_abcDEF-_123 used', 'key wb_… used'],
  ['Authorization: Bearer abcdef123456', 'Authorization: Bearer …'],
  ['sftp://acme:hunter2@sftp.example.com/in', 'sftp://acme:…@sftp.example.com/in'],
  ['login with password=hunter2, then', 'login with password=…, then'],
  ['{"passphrase": "a b c"}', '{"passphrase": …}'],
  [
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----',
    '(a private key, left out)',
  ],
  [
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----',
    '(a private key, left out)',
  ],
  ['No such file: /in/report.csv', 'No such file: /in/report.csv'],
])('leaves no secret in %j', (text, clean) => {
  expect(redactText(text)).toBe(clean);
});

it('mends what a text column or canonical JSON would refuse, and cuts what is long', () => {
  expect(redactText('a\0b\ud800')).toBe('a\u{fffd}b\u{fffd}');
  expect(redactText('x'.repeat(5000))).toHaveLength(2001);
});
