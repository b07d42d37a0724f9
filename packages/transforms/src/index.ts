export { defaultLimits, type ExpansionLimits } from './limits.js';
export * from './open-transforms.js';
export { type KeyRing, type KeySource, openKeyRing, type PrivateKeyText } from './openpgp/key-ring.js';
export type { FileFacts } from './transform.js';
export * from './transform-error.js';
