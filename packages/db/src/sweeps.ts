import { finalRunStates, type Id, type RemotePath } from '@waybill/domain';
import { clientOf, type Db } from './db.js';

/** A file with the name of a part file, as a sweep saw it. */
export interface Sighting {
  readonly path: RemotePath;
  readonly size: number;
  readonly modifiedAt: Date;
  /** Since when it has been seen like this. */
  readonly since: Date;
}

/** Where the part files of a run are, or were: directories of the target endpoint. */
export async function partDirectoriesOfRun(db: Db, runId: Id): Promise<RemotePath[]> {
  const rows = await clientOf(db).$queryRaw<{ directory: RemotePath }[]>`
    select distinct regexp_replace(part_path, '/?[^/]*$', '') as directory
    from delivery where run_id = ${runId}::uuid and part_path is not null`;
  return rows.map(({ directory }) => directory);
}

/**
 * Takes the turn to sweep a directory, and forgets directories that have long been clean.
 * @returns what the last sweep saw; `undefined` if that was less than `everyMs` ago
 */
export async function beginSweep(
  db: Db,
  endpointId: Id,
  directory: RemotePath,
  everyMs: number,
): Promise<Sighting[] | undefined> {
  await clientOf(db).$executeRaw`
    delete from sweep where sightings = '[]'::jsonb and began_at < now() - interval '30 days'`;
  const rows = await clientOf(db).$queryRaw<{ sightings: Stored[] }[]>`
    insert into sweep (endpoint_id, directory, sightings, began_at)
    values (${endpointId}::uuid, ${directory}, '[]'::jsonb, now())
    on conflict (endpoint_id, directory) do update set began_at = now()
    where sweep.began_at <= now() - make_interval(secs => ${everyMs / 1000}::double precision)
    returning sightings`;
  return rows[0]?.sightings.map(toSighting);
}

export async function endSweep(
  db: Db,
  endpointId: Id,
  directory: RemotePath,
  seen: readonly Sighting[],
): Promise<void> {
  await clientOf(db).$executeRaw`
    update sweep set sightings = ${JSON.stringify(seen)}::jsonb
    where endpoint_id = ${endpointId}::uuid and directory = ${directory}`;
}

/**
 * Which of these names of part files, by the last digits of a delivery's id, are in no run that is not over: the run is
 * over, or nobody knows it.
 */
export async function deliveriesOver(db: Db, digits: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await clientOf(db).$queryRaw<{ digits: string }[]>`
    select right(d.id::text, 12) as digits from run r join delivery d on d.run_id = r.id
    where r.state <> all(${[...finalRunStates]}::text[]) and right(d.id::text, 12) = any(${[...digits]}::text[])`;
  const open = new Set(rows.map((row) => row.digits));
  return new Set(digits.filter((one) => !open.has(one)));
}

/**
 * Gives up what deliveries of runs that are over have claimed under these paths of the endpoint, unless one that is not
 * over has claimed the same.
 * @returns the paths that were given up: nobody takes what lies there for their own any more
 */
export async function releaseClaimedParts(
  db: Db,
  endpointId: Id,
  paths: readonly RemotePath[],
): Promise<ReadonlySet<RemotePath>> {
  const rows = await clientOf(db).$queryRaw<{ path: RemotePath }[]>`
    with claimed as (
      select d.id, d.part_path as path, r.state = any(${[...finalRunStates]}::text[]) as is_over
      from delivery d join run r on r.id = d.run_id join transfer_version v on v.id = r.transfer_version_id
      where d.part_claimed and d.part_path <> d.target_path and d.part_path = any(${[...paths]}::text[])
        and v.target_endpoint_id = ${endpointId}::uuid)
    update delivery d set part_claimed = false from claimed c
    where d.id = c.id and not exists (select 1 from claimed o where o.path = c.path and not o.is_over)
    returning c.path`;
  return new Set(rows.map(({ path }) => path));
}

type Stored = { [Member in keyof Sighting]: Sighting[Member] extends Date ? string : Sighting[Member] };

function toSighting({ path, size, modifiedAt, since }: Stored): Sighting {
  return { path, size, modifiedAt: new Date(modifiedAt), since: new Date(since) };
}
