export { type DryRunInput, dryRun, explainPath } from './dry-run.js';
export type { Ledger } from './ledger.js';
export type { RunFacts } from './look-at-source.js';
export { isPartName } from './part-name.js';
export type { Progress } from './progress.js';
export * from './run-journal.js';
export { type RunResult, type RunTransferInput, runTransfer } from './run-transfer.js';
export { type Sighting, type Sweep, type SweepRecords, sweep } from './sweep.js';
export type { FileTransforms, OpenTransforms, TransformedFile } from './transform-file.js';
