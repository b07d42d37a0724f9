export { type CanonicalValue, canonicalJson } from './canonical.js';
export { type ChainedEvent, type ChainHead, canonicalEvent, eventHash, genesisHash } from './chain.js';
export { describeEvent } from './describe.js';
export {
  type AuditEvent,
  type AuditOutcome,
  outcomeOf,
  type RunCounts,
  type SubjectKind,
} from './event.js';
export { type Receipt, type ReceiptLine, type ReceiptPlace, receiptBytes, receiptSha256 } from './receipt.js';
export { redactText } from './redact.js';
export { type ChainProblem, type ChainVerification, verifyChain } from './verify-chain.js';
