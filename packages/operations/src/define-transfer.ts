import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  type Db,
  type Endpoint,
  findEndpoint,
  findTransfer,
  insertTransfer,
  insertTransferVersion,
  lockTransfer,
  saveTransfer,
  type Transfer,
  transaction,
} from '@waybill/db';
import {
  newId,
  type TransferDefinition,
  type TransferKind,
  transferKind,
  whyModeRefused,
  whyModeUnsupported,
  whyProofRefused,
} from '@waybill/domain';
import {
  whyAppendRefusedBy,
  whyClaimRefused,
  whyConflictRefused,
  whyDuplicatesRefused,
  whySetRefused,
  whyTemplateRefused,
} from '@waybill/domain/naming';
import {
  whyAcknowledgementRefused,
  whyChecksumFilesRefused,
  whyPatternRefused,
  whyRulesRefused,
} from '@waybill/domain/selection';
import { changedMembers } from './changed.js';
import { checkTransforms } from './check-transforms.js';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';

export interface TransferInput {
  readonly name: string;
  /** Default: true. */
  readonly enabled?: boolean | undefined;
  readonly definition: TransferDefinition;
}

/** @throws OperationError `conflict` if the name is taken, `invalid` with the field of the definition at fault */
export async function createTransfer({ database, actor }: Context, input: TransferInput): Promise<Transfer> {
  const { name, definition, enabled = true } = input;
  return await transaction(database, async (tx) => {
    const kind = await checkDefinition(tx, definition);
    const id = newId();
    await withUniqueName('transfer', name, () =>
      insertTransfer(tx, id, { name, kind, enabled, currentVersion: 1 }),
    );
    await insertTransferVersion(tx, { id: newId(), transferId: id, number: 1, definition });
    const transfer = await existing(tx, id);
    await appendAuditEvent(tx, actor, {
      type: 'transfer.created',
      subject: { kind: 'transfer', id },
      data: dataOf(transfer),
    });
    return transfer;
  });
}

/**
 * Members left out stay as they are. A definition that differs becomes a new version, which new runs take; runs that
 * exist keep theirs.
 * @throws OperationError `not-found`, `conflict` if the name is taken, `invalid` with the field at fault
 */
export async function updateTransfer(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<TransferInput>,
): Promise<Transfer> {
  return await transaction(database, async (tx) => {
    const { id } = await existing(tx, idOrName);
    await lockTransfer(tx, id);
    const before = await existing(tx, id);
    const changed = changedMembers<TransferInput>(before, input);
    if (changed.length === 0) return before;
    const { name = before.name, enabled = before.enabled, definition = before.definition } = input;
    const kind = changed.includes('definition') ? await checkDefinition(tx, definition) : before.kind;
    const currentVersion = before.currentVersion + (changed.includes('definition') ? 1 : 0);
    if (currentVersion > before.currentVersion)
      await insertTransferVersion(tx, { id: newId(), transferId: id, number: currentVersion, definition });
    await withUniqueName('transfer', name, () =>
      saveTransfer(tx, id, { name, kind, enabled, currentVersion }),
    );
    const transfer = await existing(tx, id);
    await appendAuditEvent(tx, actor, {
      type: 'transfer.updated',
      subject: { kind: 'transfer', id },
      data: { ...dataOf(transfer), changed },
    });
    return transfer;
  });
}

async function existing(db: Db, idOrName: string): Promise<Transfer> {
  const transfer = await findTransfer(db, idOrName);
  if (!transfer) throw notFound('transfer', idOrName);
  return transfer;
}

/** The kind that the endpoints make it. */
async function checkDefinition(db: Db, definition: TransferDefinition): Promise<TransferKind> {
  checkSelection(definition);
  checkConflict(definition);
  await checkTransforms(db, definition.transforms ?? []);
  checkClaim(definition);
  checkSet(definition);
  const source = await endpointAt(db, definition.source.endpointId, '/definition/source/endpointId');
  const target = await endpointAt(db, definition.target.endpointId, '/definition/target/endpointId');
  if (definition.source.claim && source.kind === 's3')
    refuse(
      `endpoint ${source.name} is a bucket, which copies where a directory renames: nothing can be claimed there`,
      '/definition/source/claim',
    );
  const why = whyProofRefused(target.settings, definition.verification);
  if (why)
    throw new OperationError('invalid', `endpoint ${target.name}: ${why}`, {
      field: '/definition/verification',
    });
  checkMode(definition, source, target);
  checkPartsAt(definition, target);
  checkConflictAt(definition, target);
  const kind = transferKind(source.kind, target.kind);
  if (kind) return kind;
  throw new OperationError(
    'invalid',
    `a transfer from ${source.kind} endpoint ${source.name} to ${target.kind} endpoint ${target.name} is not supported: at least one side must be an SFTP account or a bucket`,
    { field: '/definition/target/endpointId' },
  );
}

function checkSelection(definition: TransferDefinition): void {
  const { source, target } = definition;
  checkPatterns(source.include, '/definition/source/include');
  checkPatterns(source.exclude, '/definition/source/exclude');
  const rules = source.selection && whyRulesRefused(source.selection);
  if (rules) refuse(rules.message, `/definition/source/selection/${rules.member}`);
  const template = target.name === undefined ? undefined : whyTemplateRefused(target.name);
  if (template !== undefined) refuse(template, '/definition/target/name');
  const why = whyChecksumFilesRefused(definition) ?? whyAcknowledgementRefused(definition);
  if (why) refuse(why.message, `/definition/${why.path.join('/')}`);
}

function checkPartsAt({ set, duplicates }: TransferDefinition, { settings }: Endpoint): void {
  if (settings.kind === 's3') return;
  const whyNoSet = set && whySetRefused(settings.partNaming);
  if (whyNoSet) refuse(whyNoSet, '/definition/set');
  const whyNoRule = duplicates && whyDuplicatesRefused(settings.partNaming);
  if (whyNoRule) refuse(whyNoRule, '/definition/duplicates');
}

function checkConflictAt({ conflict }: TransferDefinition, { name, settings }: Endpoint): void {
  if (conflict !== 'append') return;
  if (settings.kind === 's3')
    refuse(
      `endpoint ${name} is a bucket, whose objects can't be extended: choose another rule than "${conflict}"`,
      '/definition/conflict',
    );
  const why = whyAppendRefusedBy(settings.partNaming);
  if (why) refuse(`endpoint ${name}: ${why}`, '/definition/conflict');
}

function checkMode({ target: { mode } }: TransferDefinition, source: Endpoint, target: Endpoint): void {
  if (mode === undefined) return;
  const why = whyModeRefused(mode) ?? whyModeUnsupported(mode, source.kind, target.kind);
  if (why) refuse(why, '/definition/target/mode');
}

function checkConflict(definition: TransferDefinition): void {
  const why = whyConflictRefused(definition);
  if (why) refuse(why.message, `/definition/${why.member}`);
}

function checkClaim(definition: TransferDefinition): void {
  const why = whyClaimRefused(definition);
  if (why) refuse(why.message, `/definition/source/claim/${why.member}`);
}

function checkSet({ set, source }: TransferDefinition): void {
  if (!set) return;
  const why = set.controlFile === undefined ? undefined : whyPatternRefused(set.controlFile);
  if (why !== undefined) refuse(why, '/definition/set/controlFile');
  const { atMostFiles, atMostBytes } = source.selection ?? {};
  if (atMostFiles !== undefined || atMostBytes !== undefined)
    refuse(
      'a limit of files or bytes in a run would cut sets in two: leave it out, or have files delivered one by one',
      '/definition/set',
    );
}

function checkPatterns(patterns: readonly string[], field: string): void {
  patterns.forEach((pattern, index) => {
    const why = whyPatternRefused(pattern);
    if (why !== undefined) refuse(why, `${field}/${index}`);
  });
}

function refuse(why: string, field: string): never {
  throw new OperationError('invalid', why, { field });
}

async function endpointAt(db: Db, id: string, field: string): Promise<Endpoint> {
  const endpoint = await findEndpoint(db, id);
  if (!endpoint) throw new OperationError('invalid', `there is no endpoint "${id}"`, { field });
  return endpoint;
}

type TransferData = Extract<AuditEvent, { type: 'transfer.created' }>['data'];

function dataOf({ name, kind, enabled, currentVersion, definition }: Transfer): TransferData {
  const { source, target, disposition, transforms } = definition;
  return {
    name,
    kind,
    enabled,
    version: currentVersion,
    source: { endpointId: source.endpointId, directory: source.directory },
    target: { endpointId: target.endpointId, directory: target.directory },
    include: source.include,
    exclude: source.exclude,
    disposition: disposition.kind === 'archive' ? `archive to ${disposition.directory}` : disposition.kind,
    ...(transforms?.length && { transforms: transforms.map((spec) => spec.kind) }),
  };
}
