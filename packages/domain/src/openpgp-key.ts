import type { KeyRef, TransformSpec } from './transform.js';

/** What a step of a transfer does with an OpenPGP key. */
export const keyUses = ['encrypt', 'decrypt', 'sign', 'verify'] as const;
export type KeyUse = (typeof keyUses)[number];

/** What may be known of a key. */
export interface OpenPgpKeyFacts {
  /** Hex, in capitals. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** Left out: never. */
  readonly expiresAt?: Date | undefined;
  /** Whether it, or a key below it, is made for encrypting to its owner. */
  readonly canEncrypt: boolean;
  /** Whether it, or a key below it, is made for signing. */
  readonly canSign: boolean;
  /** Whether its private part is here too. */
  readonly hasPrivatePart: boolean;
}

export interface KeyUsage {
  readonly ref: KeyRef;
  readonly use: KeyUse;
  /** Where the key is named: the step, from 0, and its member. */
  readonly step: number;
  readonly member: string;
}

/** Every key that the steps name, and what for. */
export function keysUsedBy(specs: readonly TransformSpec[]): KeyUsage[] {
  return specs.flatMap((spec, step) =>
    usesOf(spec).flatMap(([member, use, refs]) =>
      refs.map((ref, index) => ({
        ref,
        use,
        step,
        member: member === 'signWith' ? member : `${member}/${index}`,
      })),
    ),
  );
}

type Use = readonly [member: string, use: KeyUse, refs: readonly KeyRef[]];

function usesOf(spec: TransformSpec): Use[] {
  switch (spec.kind) {
    case 'openpgp-encrypt':
      return [
        ['recipients', 'encrypt', spec.recipients],
        ['signWith', 'sign', spec.signWith === undefined ? [] : [spec.signWith]],
      ];
    case 'openpgp-decrypt':
      return [
        ['decryptWith', 'decrypt', spec.decryptWith],
        ['requireSignatureBy', 'verify', spec.requireSignatureBy ?? []],
      ];
    case 'openpgp-sign':
      return [['signWith', 'sign', [spec.signWith]]];
    case 'openpgp-verify':
      return [['requireSignatureBy', 'verify', spec.requireSignatureBy]];
    default:
      return [];
  }
}

/** Why the key named `ref` can't be used so at `now`, with what to do; `undefined` if it can. */
export function whyKeyRefused(
  ref: KeyRef,
  key: OpenPgpKeyFacts | undefined,
  use: KeyUse,
  now: Date,
): string | undefined {
  if (!key)
    return `there is no OpenPGP key "${ref}"; import it with "waybill openpgp-key import ${ref}", or name another one`;
  const its = `the OpenPGP key "${ref}" (${key.fingerprint})`;
  if ((use === 'decrypt' || use === 'sign') && !key.hasPrivatePart)
    return `${its} has only its public part here, which can't ${use}; import the private key, or name another one`;
  const able = use === 'encrypt' || use === 'decrypt' ? key.canEncrypt : key.canSign;
  if (!able) return `${its} is not made to ${use}; name another one`;
  // What was encrypted while the key was valid may still be decrypted.
  if (use === 'decrypt' || !key.expiresAt || key.expiresAt > now) return undefined;
  return `${its} expired on ${key.expiresAt.toISOString().slice(0, 10)}; import the renewed one under another name`;
}
