import { describe, expect, it } from 'vitest';
import { parseLegacy, parseRoute } from './endpoint-route.js';

describe('a route', () => {
  it.each([
    ['direct', 'direct'],
    ['jump:bastion', { kind: 'jump', endpointId: 'bastion' }],
    ['socks5://proxy.example:1080', { kind: 'socks5', host: 'proxy.example', port: 1080 }],
    [
      'http-connect://us%40home@proxy.example:3128',
      { kind: 'http-connect', host: 'proxy.example', port: 3128, username: 'us@home' },
    ],
    ['socks5://[2001:db8::1]:1080', { kind: 'socks5', host: '2001:db8::1', port: 1080 }],
  ])('%s is read', (text, route) => {
    expect(parseRoute(text)).toEqual(route);
  });

  it.each(['', 'jump:', 'proxy.example:1080', 'socks4://proxy:1', 'socks5://proxy', 'http://proxy:3128'])(
    '"%s" is refused with the forms that there are',
    (text) => {
      expect(() => parseRoute(text)).toThrow(/Write socks5:/);
    },
  );

  it('with a password is refused, and told where passwords belong', () => {
    expect(() => parseRoute('socks5://us:secret@proxy:1080')).toThrow(/credential <endpoint> --proxy/);
  });
});

it('weak algorithms are read by their names, and no others', () => {
  expect(parseLegacy('ssh-rsa, hmac-sha1')).toEqual(['ssh-rsa', 'hmac-sha1']);
  expect(parseLegacy('none')).toEqual([]);
  expect(() => parseLegacy('ssh-rsa,arcfour')).toThrow(/Write some of/);
});
