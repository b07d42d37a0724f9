import type { DryRunReport, ExplanationReport } from './dry-run.js';
import type { HostKeyState } from './endpoint.js';
import type { ProbeReport } from './endpoint-profile.js';
import type { Id } from './ids.js';
import type { RemotePath } from './remote-path.js';

export const plainCheckKinds = ['probe', 'host-key-scan'] as const;
/** `probe`: can this endpoint do what transfers need? `host-key-scan`: which keys does its server offer? */
export type PlainCheckKind = (typeof plainCheckKinds)[number];

export const endpointCheckKinds = [...plainCheckKinds, 'dry-run', 'explanation'] as const;
/**
 * `dry-run`: what would a run of a transfer that reads from here do now? `explanation`: what would runs do
 * with one file, and why?
 */
export type EndpointCheckKind = (typeof endpointCheckKinds)[number];

/** What is looked at. */
export type CheckSubject =
  | { readonly kind: PlainCheckKind }
  | { readonly kind: 'dry-run'; readonly transferId: Id }
  | { readonly kind: 'explanation'; readonly transferId: Id | null; readonly path: RemotePath };

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
  | ({ readonly kind: 'host-key-scan' } & HostKeyScanReport)
  | ({ readonly kind: 'dry-run' } & DryRunReport)
  | ({ readonly kind: 'explanation' } & ExplanationReport);

/** Why a report is none of success; empty if it is. */
export function whyNotPassed(report: EndpointCheckReport): string {
  switch (report.kind) {
    case 'probe':
      return report.steps
        .filter(({ outcome }) => outcome === 'failed')
        .map(({ name, detail }) => `${name}: ${detail}`)
        .join('; ');
    case 'dry-run':
      return report.obstacle ?? whyPartial(report.counts.fail.files);
    // Once the server has answered, what its keys are worth is for a person to say; and an explanation is one.
    case 'host-key-scan':
    case 'explanation':
      return '';
  }
}

function whyPartial(failing: number): string {
  return failing === 0 ? '' : `a run would end partial: ${failing} file(s) would fail`;
}
