import type { HostKeyState } from './endpoint.js';
import type { ProbeReport } from './endpoint-profile.js';

/** `probe`: can this endpoint do what transfers need? `host-key-scan`: which keys does its server offer? */
export const endpointCheckKinds = ['probe', 'host-key-scan'] as const;
export type EndpointCheckKind = (typeof endpointCheckKinds)[number];

/**
 * `succeeded`: carried out, and everything passed. `failed`: a step of the report failed, or there is no report and the
 * failure says why.
 */
export const endpointCheckStates = ['queued', 'running', 'succeeded', 'failed'] as const;
export type EndpointCheckState = (typeof endpointCheckStates)[number];

export function isCheckOver(state: EndpointCheckState): boolean {
  return state === 'succeeded' || state === 'failed';
}

/** A key that a server offered to somebody who had not authenticated: it proves nothing by itself. */
export interface ScannedHostKey {
  readonly algorithm: string;
  /** SHA256:… */
  readonly fingerprint: string;
  /** As it stands on record after the scan; `null` if it was not recorded because the endpoint has too many. */
  readonly state: HostKeyState | null;
  /** It was not on record before the scan. */
  readonly isNew: boolean;
}

export interface HostKeyScanReport {
  readonly offered: readonly ScannedHostKey[];
  /** Trusted keys that the server did not offer. */
  readonly missing: readonly Pick<ScannedHostKey, 'algorithm' | 'fingerprint'>[];
}

export type EndpointCheckReport =
  | ({ readonly kind: 'probe' } & ProbeReport)
  | ({ readonly kind: 'host-key-scan' } & HostKeyScanReport);

/** A scan passes once the server has answered: what its keys are worth is for a person to say. */
export function hasPassed(report: EndpointCheckReport): boolean {
  return report.kind === 'host-key-scan' || report.steps.every(({ outcome }) => outcome !== 'failed');
}
