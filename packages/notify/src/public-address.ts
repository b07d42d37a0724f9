import { lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { NotifyError } from './notify-error.js';

/** Is the address one of the public internet? Everything else may lead into networks that only we can reach. */
export function isPublicAddress(address: string): boolean {
  // `process` turns an IPv4 address that is written as IPv6 into itself.
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/** @throws NotifyError if the host of a URL is an address that is not public */
export function refusePrivateLiteral(hostname: string): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw refusal(hostname, address);
}

/**
 * Looks up a name for a connection, which then goes to the very addresses that were judged: a name that leads elsewhere
 * at a second look gains nothing.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const refused = addresses.find(({ address }) => !isPublicAddress(address));
    if (refused) return callback(refusal(hostname, refused.address), []);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? '', first?.family);
  });
};

function refusal(hostname: string, address: string): NotifyError {
  return new NotifyError(
    `${hostname} leads to ${address}, which is not an address of the public internet; allow private addresses for this ` +
      'subscription if that is meant',
    { permanent: true },
  );
}
