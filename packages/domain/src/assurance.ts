import type { EndpointSettings } from './endpoint.js';
import { atLeast } from './run.js';
import type { Verification } from './transfer.js';

/** What a delivery to the endpoint has to prove. @param asked by the transfer */
export function requiredProof(target: EndpointSettings, asked: Verification | undefined): Verification {
  return asked ?? minimumOf(target);
}

/**
 * Why no delivery to the endpoint can be proven so, or why it would not be enough; `undefined` if that can't be told
 * without trying.
 * @param asked by the transfer; left out, the endpoint's own minimum is looked at
 */
export function whyProofRefused(target: EndpointSettings, asked?: Verification): string | undefined {
  const minimum = minimumOf(target);
  if (asked !== undefined && !atLeast(asked, minimum))
    return `verification "${asked}" is less than the endpoint requires, "${minimum}"; ask for at least that, or leave it out`;
  if (requiredProof(target, asked) !== 'remote-hash') return undefined;
  if (target.kind !== 'sftp')
    return `a ${target.kind} endpoint has nobody else who could tell a hash: "read-back" is the strongest proof there`;
  if (target.remoteHash === 'off')
    return 'the proof "remote-hash" needs a hash of the server, but remoteHash of the endpoint is "off"';
  return undefined;
}

function minimumOf(target: EndpointSettings): Verification {
  return target.minimumAssurance ?? 'size';
}
